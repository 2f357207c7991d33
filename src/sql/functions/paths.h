// Paths and command lines.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace osprey::sql {

// The text before the last slash; empty without a slash.
std::optional<std::string_view> parent_directory(std::string_view path);

// The ways to read where the program's path ends in a command line: the text before each space and the whole,
// shortest first. Spaces between two equal characters of `quotes` do not count and the quotes are dropped; a
// character after one of `escapes` stands for itself. Only absolute paths up to PATH_MAX.
std::vector<std::string> candidate_paths(std::string_view command, std::string_view quotes, std::string_view escapes);

}  // namespace osprey::sql
