// Dot-commands: the lines that begin with a dot (compat section 1.5).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace osprey::agent::shell {

class Shell;

// Runs one. An exit status: the shell is to be left.
std::optional<int> run_dot_command(Shell& shell, std::string_view line);

// Their names, for completion.
std::vector<std::string_view> dot_command_names();

}  // namespace osprey::agent::shell
