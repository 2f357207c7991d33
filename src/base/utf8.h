// Characters of UTF-8 text.
#pragma once

#include <cstddef>
#include <string_view>

namespace osprey {

// Code points of valid UTF-8.
std::size_t characters(std::string_view utf8) noexcept;
// The first code point of valid UTF-8 that is not empty; it is cut off.
char32_t take_character(std::string_view& utf8) noexcept;

}  // namespace osprey
