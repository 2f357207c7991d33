// How wide text is on a terminal, and how to cut it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace osprey::agent::shell {

enum class Measure {
  code_points,  // as osquery counts: bytes that do not continue a character
  cells,        // as a terminal shows it: East Asian characters are two wide, combining ones none;
                // a byte that is not part of valid UTF-8 one
};

std::size_t width(std::string_view text, Measure measure) noexcept;
// The longest start of `text` that is at most `limit` wide.
std::string_view start_of(std::string_view text, std::size_t limit, Measure measure) noexcept;
// `text`, or its start and "…" where it is wider than `limit`.
std::string cut(std::string_view text, std::size_t limit, Measure measure);

// Appends `text` with control characters as \n, \t, \r or \xNN and bytes that are not UTF-8 as \xNN: nothing in it can
// move a terminal's cursor or break a frame.
void append_visible(std::string& out, std::string_view text);

}  // namespace osprey::agent::shell
