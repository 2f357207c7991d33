// Reading flags from a command line, flag files and the environment, by the rules of gflags that osquery's users know
// (compat section 2.1): one or two dashes, --name=value or --name value, --noname for false, - and _ alike in names,
// "--" ends the flags, what is no flag is a positional argument wherever it stands.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/flags/flags.h"
#include "base/result.h"

namespace osprey::agent {

struct CommandLine {
  std::vector<std::string> positional;
  // What is wrong, one message a flag, sorted by the flag's name.
  struct Fault {
    std::string flag;  // empty: a flag file could not be read
    std::string message;
    std::string hint;  // the nearest right name; may be empty
  };
  std::vector<Fault> faults;
};

// What the reader asks of the world.
struct CommandLineSources {
  std::function<Result<std::string>(const std::string& path)> read_file;
  std::function<std::optional<std::string>(const std::string& variable)> environment;
};
// The process's own files and environment. `safe`: regular files that others can change are refused.
CommandLineSources host_sources(bool safe);

// Reads `arguments` (without the program's name) into `flags`. `program` is the name that lines of a flag file
// without a leading dash are compared with.
CommandLine read_command_line(std::span<const char* const> arguments, std::string_view program,
                              const CommandLineSources& sources, Flags& flags);

// Reads a flag file's text: one flag a line; unknown names and "--name value" are passed over.
void read_flag_file(std::string_view text, std::string_view program, const CommandLineSources& sources, Flags& flags,
                    CommandLine& result);

}  // namespace osprey::agent
