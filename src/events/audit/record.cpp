#include "events/audit/record.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "linux/audit/names.h"

namespace osprey::events::audit {
namespace {

constexpr std::string_view kStampBegin = "audit(";
constexpr char kEnrichment = '\x1D';

template <class T>
bool take_number(std::string_view& text, T& value) noexcept {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool take_text(std::string_view& text, std::string_view expected) noexcept {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

constexpr std::uint8_t kNoDigit = 0xFF;
constexpr auto kDigits = [] {
  std::array<std::uint8_t, 256> digits{};
  digits.fill(kNoDigit);
  for (std::uint8_t i = 0; i < 10; ++i) digits[std::size_t{'0'} + i] = i;
  for (std::uint8_t i = 10; i < 16; ++i) digits[std::size_t{'a'} + i - 10] = digits[std::size_t{'A'} + i - 10] = i;
  return digits;
}();

}  // namespace

std::optional<Record> parse_record(std::uint16_t type, std::string_view text) {
  while (!text.empty() && (text.back() == '\0' || text.back() == '\n')) text.remove_suffix(1);
  Record record{.type = type, .stamp = {}, .fields = {}};
  std::int64_t seconds = 0;
  std::uint32_t milliseconds = 0;
  if (!take_text(text, kStampBegin) || !take_number(text, seconds) || !take_text(text, ".") ||
      !take_number(text, milliseconds) || !take_text(text, ":") || !take_number(text, record.stamp.serial) ||
      !take_text(text, "):"))
    return std::nullopt;
  if (seconds < 0 || seconds > INT32_MAX * std::int64_t{4} || milliseconds > 999) return std::nullopt;
  record.stamp.time = seconds * 1000 + milliseconds;
  if (text.starts_with(' ')) text.remove_prefix(1);
  record.fields = text;
  return record;
}

std::optional<Record> parse_log_line(std::string_view line) {
  if (const auto enriched = line.find(kEnrichment); enriched != std::string_view::npos) line = line.substr(0, enriched);
  if (line.starts_with("node=")) take_until(line, ' ');
  if (!take_text(line, "type=")) return std::nullopt;
  const auto type = linux::record_type(take_until(line, ' '));
  if (!type || !take_text(line, "msg=")) return std::nullopt;
  return parse_record(*type, line);
}

std::optional<Field> take_field(std::string_view& rest) noexcept {
  for (;;) {
    const auto begin = rest.find_first_not_of(' ');
    if (begin == std::string_view::npos) break;
    rest.remove_prefix(begin);
    const auto end = rest.find_first_of(" =");
    if (end == std::string_view::npos) break;
    if (rest[end] == ' ') {
      rest.remove_prefix(end);
      continue;
    }
    Field field{rest.substr(0, end), {}};
    rest.remove_prefix(end + 1);
    std::size_t size;
    if (rest.starts_with('"'))
      size = std::min(rest.find('"', 1), rest.size() - 1) + 1;
    else if (rest.starts_with('\'') && rest.size() > 1 && rest.rfind('\'') > 0)
      size = rest.rfind('\'') + 1;
    else
      size = std::min(rest.find(' '), rest.size());
    field.value = rest.substr(0, size);
    rest.remove_prefix(size);
    return field;
  }
  rest = {};
  return std::nullopt;
}

std::optional<std::string_view> find_field(std::string_view fields, std::string_view name) noexcept {
  while (const auto field = take_field(fields))
    if (field->name == name) return field->value;
  return std::nullopt;
}

std::string_view TextArena::keep(std::string_view text) {
  if (text.empty()) return {};
  char* place = allocate(text.size());
  std::memcpy(place, text.data(), text.size());
  return {place, text.size()};
}

std::optional<std::string_view> bytes_value(std::string_view digits, TextArena& arena) {
  if (digits.size() % 2 != 0) return std::nullopt;
  if (digits.empty()) return std::string_view();
  char* place = arena.allocate(digits.size() / 2);
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    const unsigned high = kDigits[static_cast<unsigned char>(digits[i])];
    const unsigned low = kDigits[static_cast<unsigned char>(digits[i + 1])];
    if (high == kNoDigit || low == kNoDigit) return std::nullopt;
    place[i / 2] = static_cast<char>(high << 4 | low);
  }
  return std::string_view(place, digits.size() / 2);
}

std::string_view text_value(std::string_view value, TextArena& arena) {
  if (value.starts_with('"')) {
    value.remove_prefix(1);
    if (value.ends_with('"')) value.remove_suffix(1);
    return value;
  }
  if (value == "(null)" || value == "(none)" || value == "?") return {};
  const auto bytes = bytes_value(value, arena);
  return bytes ? *bytes : value;
}

}  // namespace osprey::events::audit
