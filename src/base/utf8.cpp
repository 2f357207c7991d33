#include "base/utf8.h"

#include <algorithm>

namespace osprey {

std::size_t characters(std::string_view utf8) noexcept {
  return static_cast<std::size_t>(
      std::ranges::count_if(utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

char32_t take_character(std::string_view& utf8) noexcept {
  const auto first = static_cast<unsigned char>(utf8[0]);
  const std::size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  char32_t c = size == 1 ? first : first & (0xffU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) c = c << 6 | (static_cast<unsigned char>(utf8[i]) & 0x3f);
  utf8.remove_prefix(size);
  return c;
}

}  // namespace osprey
