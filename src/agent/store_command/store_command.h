// `osprey store`: looks into the agent's database, also while the agent runs.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "agent/flags/flags.h"
#include "agent/shell/output.h"

namespace osprey::agent {

// What `osprey store --help` says.
std::string store_help(std::string_view program, const Flags& flags);

// Does what `words` (without "store") ask for, on the database at --database_path. The exit status: 1 for what is not
// there or cannot be done, 2 for what is not understood.
int run_store_command(std::string_view program, std::span<const std::string> words, const Flags& flags,
                      shell::Output& output);

// osquery's --database_dump: a line `domain[key]: value` a key. The exit status.
int dump_database(const Flags& flags, shell::Output& output);

// Any bytes as one line of visible text, and back: a backslash is \\, what is no printable UTF-8 is \n, \t, \r or \xNN.
std::string escape_bytes(std::string_view bytes);
std::string unescape_bytes(std::string_view text);

}  // namespace osprey::agent
