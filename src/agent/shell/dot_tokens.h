// The words of a dot-command.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace osprey::agent::shell {

// Splits at white space, at most 50 words. "…" and '…' keep white space; backslash escapes (\n \t \r \\ \NNN octal, any
// other character for itself) hold outside single quotes.
std::vector<std::string> dot_tokens(std::string_view line);

}  // namespace osprey::agent::shell
