// Config: what the configuration says, as far as the shell needs it: options, views and packs. The format is osquery's
// (compat section 3): JSON, with lines that begin with # or //, and under our own name with all comments and trailing
// commas.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace osprey::agent {

struct PackQuery {
  std::string name;
  std::string sql;
};

struct Pack {
  std::string name;
  std::string source;              // the configuration file that names it
  std::vector<PackQuery> queries;  // sorted by name; those for other platforms are left out
};

struct Config {
  std::map<std::string, std::string> options;  // as text, ready to be a flag's value
  std::map<std::string, std::string> views;    // name to SELECT
  std::vector<Pack> packs;
  std::vector<std::string> warnings;  // what was passed over
};

// A source as it was read: a file's path and text.
struct ConfigSource {
  std::string name;
  std::string text;
};

enum class ConfigForm {
  strict,   // as osquery reads: whole lines of comment only
  lenient,  // with // and /* */ comments anywhere and trailing commas
};

// The configuration file and every FILE.d/*.conf, sorted by path. An error: the file itself is no readable file.
Result<std::vector<ConfigSource>> config_sources(const std::string& path);
// SHA-1 over the SHA-1 of each source, hexadecimal.
std::string config_hash(const std::vector<ConfigSource>& sources);

// Adds what a source says; later sources win. An error names the source, line and column.
// `read_pack` reads the file that a pack is named by.
using PackReader = Result<std::string> (*)(const std::string& path);
// How the message of an error ends that is about nesting (32 levels are allowed).
inline constexpr std::string_view kTooDeep = "too many nesting levels";
Result<void> apply_source(const ConfigSource& source, ConfigForm form, PackReader read_pack, Config& config);

// A file's text, 4 MiB at most.
Result<std::string> read_config_file(const std::string& path);

}  // namespace osprey::agent
