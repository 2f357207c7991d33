#include "agent/shell/text_width.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "base/text.h"

namespace osprey::agent::shell {
namespace {

struct Character {
  char32_t code;
  std::size_t bytes;
};

// The first character; a byte that begins none stands for itself.
Character first_character(std::string_view text) noexcept {
  const auto at = [&](std::size_t i) -> char32_t { return static_cast<unsigned char>(text[i]); };
  const auto first = at(0);
  const std::size_t length = first < 0xC2 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 1;
  if (length == 1 || text.size() < length) return {first < 0x80 ? first : U'\uFFFD', 1};
  char32_t code = first & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0u) != 0x80u) return {U'\uFFFD', 1};
    code = code << 6 | (at(i) & 0x3Fu);
  }
  return {code, length};
}

using Range = std::pair<char32_t, char32_t>;

// Characters that take no cell (Unicode 15: marks that combine, joiners, variation selectors), coarsely by block.
constexpr auto kZeroWide = std::to_array<Range>({
    {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x0610, 0x061A}, {0x064B, 0x065F}, {0x06D6, 0x06DC},
    {0x0900, 0x0902}, {0x093C, 0x093C}, {0x0941, 0x0948}, {0x0E31, 0x0E31}, {0x0E34, 0x0E3A}, {0x0E47, 0x0E4E},
    {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x200B, 0x200F}, {0x202A, 0x202E}, {0x2060, 0x2064}, {0x20D0, 0x20F0},
    {0x302A, 0x302D}, {0x3099, 0x309A}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xFEFF, 0xFEFF}, {0xE0100, 0xE01EF},
});
// Characters that take two (Unicode's East Asian Width W and F).
constexpr auto kTwoWide = std::to_array<Range>({
    {0x1100, 0x115F},   {0x231A, 0x231B},   {0x2329, 0x232A},   {0x23E9, 0x23EC},   {0x25FD, 0x25FE},
    {0x2614, 0x2615},   {0x2648, 0x2653},   {0x26A1, 0x26A1},   {0x2705, 0x2705},   {0x270A, 0x270B},
    {0x2728, 0x2728},   {0x274C, 0x274C},   {0x2753, 0x2755},   {0x2795, 0x2797},   {0x2B1B, 0x2B1C},
    {0x2E80, 0x303E},   {0x3041, 0x33FF},   {0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xA000, 0xA4CF},
    {0xA960, 0xA97F},   {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE10, 0xFE19},   {0xFE30, 0xFE6F},
    {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},   {0x16FE0, 0x18CFF}, {0x1AFF0, 0x1B2FF}, {0x1F004, 0x1F004},
    {0x1F0CF, 0x1F0CF}, {0x1F18E, 0x1F18E}, {0x1F191, 0x1F19A}, {0x1F200, 0x1F320}, {0x1F32D, 0x1F335},
    {0x1F337, 0x1F37C}, {0x1F37E, 0x1F393}, {0x1F3A0, 0x1F3CA}, {0x1F3E0, 0x1F3F0}, {0x1F3F8, 0x1F43E},
    {0x1F440, 0x1F440}, {0x1F442, 0x1F4FC}, {0x1F4FF, 0x1F53D}, {0x1F54B, 0x1F567}, {0x1F595, 0x1F596},
    {0x1F5FB, 0x1F64F}, {0x1F680, 0x1F6C5}, {0x1F6D0, 0x1F6DF}, {0x1F6EB, 0x1F6FC}, {0x1F7E0, 0x1F7EB},
    {0x1F90C, 0x1F9FF}, {0x1FA70, 0x1FAFF}, {0x20000, 0x3FFFD},
});

template <std::size_t n>
bool in(const std::array<Range, n>& ranges, char32_t code) {
  const auto after = std::ranges::upper_bound(ranges, code, {}, &Range::first);
  return after != ranges.begin() && code <= std::prev(after)->second;
}

std::size_t width(char32_t code, Measure measure) noexcept {
  if (measure == Measure::code_points || code < 0x300) return 1;
  if (in(kZeroWide, code)) return 0;
  return in(kTwoWide, code) ? 2 : 1;
}

bool is_ascii(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) { return static_cast<signed char>(c) >= 0; });
}

}  // namespace

std::size_t width(std::string_view text, Measure measure) noexcept {
  if (is_ascii(text)) return text.size();
  // As osquery counts: every byte but those that continue a character.
  if (measure == Measure::code_points)
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u; }));
  std::size_t total = 0;
  while (!text.empty()) {
    const auto character = first_character(text);
    total += width(character.code, measure);
    text.remove_prefix(character.bytes);
  }
  return total;
}

std::string_view start_of(std::string_view text, std::size_t limit, Measure measure) noexcept {
  std::size_t total = 0;
  std::size_t end = 0;
  while (end < text.size()) {
    const auto character = first_character(text.substr(end));
    total += width(character.code, measure);
    if (total > limit) break;
    end += character.bytes;
  }
  return text.substr(0, end);
}

std::string cut(std::string_view text, std::size_t limit, Measure measure) {
  if (width(text, measure) <= limit) return std::string(text);
  return limit == 0 ? std::string() : std::string(start_of(text, limit - 1, measure)) + "…";
}

void append_visible(std::string& out, std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string valid;
  if (!is_valid_utf8(text)) text = valid = escape_invalid_utf8(text);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7F) {
      out += c;
    } else if (c == '\n' || c == '\t' || c == '\r') {
      out += '\\';
      out += c == '\n' ? 'n' : c == '\t' ? 't' : 'r';
    } else {
      out += "\\x";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
}

}  // namespace osprey::agent::shell
