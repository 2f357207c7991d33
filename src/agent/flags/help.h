// What --help prints, and completion scripts for shells.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace osprey::agent {

// `program` is the name it was started under, as the shell or as the agent, which has no use for the shell's flags. In
// osquery's form flags stand in osquery's order and groups.
std::string help_text(std::string_view program, bool agent, bool osquery_compatible);

// A script that completes flags for `shell`: bash, zsh or fish. Empty for any other.
std::optional<std::string> completion_script(std::string_view shell, std::string_view program);

}  // namespace osprey::agent
