// The configuration's format (compat section 3): one document as it was written. What a host makes of several documents
// is agent/config's business.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace osprey::protocol {

// A query of the schedule or of a pack.
struct Query {
  std::string name;  // as written, without the pack's prefix
  std::string sql;
  std::optional<std::uint64_t> interval;  // seconds, 1 to 604800; absent: --schedule_default_interval
  bool snapshot = false;
  bool removed = true;
  bool denylist = true;  // false: may run although denylisted
  std::string platform;
  std::string version;
  std::optional<unsigned> shard;  // 1 to 100
  std::optional<std::uint64_t> startup_priority;
};

struct Pack {
  std::string name;
  std::string source;  // the document that names it
  std::string path;    // the file with its body, where it has one
  std::string platform;
  std::string version;
  std::optional<unsigned> shard;
  std::string oncall;
  std::vector<std::string> discovery;
  std::vector<Query> queries;  // by startup priority, then name
};

struct Decorators {
  std::vector<std::string> load;
  std::vector<std::string> always;
  std::map<std::uint64_t, std::vector<std::string>> interval;  // seconds, a multiple of 60
};

// auto_table_construction: another program's SQLite database as a table.
struct AutoTable {
  std::string name;
  std::string sql;
  std::string path;  // may be a glob
  std::vector<std::string> columns;
  std::string platform;
  bool operator==(const AutoTable&) const = default;
};

using Categories = std::map<std::string, std::vector<std::string>, std::less<>>;

struct FileMonitoring {
  Categories paths;         // file_paths
  Categories path_queries;  // file_paths_query
  Categories exclude_paths;
  std::vector<std::string> accesses;  // file_accesses: categories
};

struct PrometheusTargets {
  std::vector<std::string> urls;
  double timeout_s = 1;
};

// A note on a document: nothing that keeps it from being used.
struct ConfigNote {
  std::string where;  // "source:line" or "source", and the key
  std::string text;   // under osquery's name osquery's words (compat/recordings/daemon/config_check_and_dump.jsonl)
  bool told_by_osquery = true;  // else only under our own name
};

struct Document {
  std::string source;
  std::map<std::string, std::string, std::less<>> options;  // as text, ready to be a flag's value
  std::optional<Pack> schedule;                             // the pack "main"
  std::vector<Pack> packs;
  Decorators decorators;
  FileMonitoring files;
  std::string yara;  // JSON, for the events that need it
  std::optional<std::pair<std::vector<std::string>, std::vector<std::string>>> events;  // enabled, disabled subscribers
  std::optional<std::vector<AutoTable>> auto_tables;
  std::optional<std::map<std::string, std::string, std::less<>>> views;
  std::optional<PrometheusTargets> prometheus;
  std::optional<Categories> kafka_topics;  // topic to names of queries
  std::string feature_vectors;             // JSON
  std::string logger;                      // JSON
  std::vector<ConfigNote> notes;
};

enum class ConfigForm : std::uint8_t {
  strict,   // as osquery reads: whole lines of comment only
  lenient,  // with // and /* */ comments anywhere and trailing commas
};

// How a document gets at the files it names.
class PackFiles {
 public:
  virtual ~PackFiles() = default;
  virtual Result<std::string> read(const std::string& path) const = 0;
  // Paths that a glob(3) pattern matches, sorted.
  virtual std::vector<std::string> match(const std::string& pattern) const = 0;
};

// An error names the source, line and column and the reason.
Result<Document> parse_document(std::string source, std::string_view text, ConfigForm form, const PackFiles& files);

// Whether "platform" means Linux: osquery's substring tests (compat section 3.3).
bool runs_on_linux(std::string_view platform);
// Whether `version` is at least `required`, both dotted (compat section 3.3).
bool version_satisfies(std::string_view version, std::string_view required);
// The host's number in 0…100 that shards are compared with: of SHA-1 of its name.
unsigned shard_number(std::string_view host_name);

}  // namespace osprey::protocol
