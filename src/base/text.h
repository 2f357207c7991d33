// Reading text: lines, fields, numbers. All of it views into the caller's text, nothing is copied.
#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace osprey {

// ASCII white space as isspace(3) has it in the C locale.
constexpr bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view trim(std::string_view text) noexcept;
std::string_view trim_left(std::string_view text) noexcept;
std::string_view trim_right(std::string_view text) noexcept;

// Cuts `text` at the first `separator`: returns what stood before it and leaves what follows in `text`.
// Without a separator the whole is returned and `text` is left empty.
std::string_view take_until(std::string_view& text, char separator) noexcept;
// The next run of non-blank characters, leading blanks skipped; empty at the end.
std::string_view take_field(std::string_view& text) noexcept;

// Every piece between separators, the empty ones too.
std::vector<std::string_view> split(std::string_view text, char separator);
// Every run of non-blank characters.
std::vector<std::string_view> fields(std::string_view text);

// The lines of a text, without their line ends (\n or \r\n). A last line without a line end counts.
class Lines {
 public:
  explicit Lines(std::string_view text) noexcept : rest_(text) {}
  class iterator {
   public:
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;
    iterator() = default;
    explicit iterator(std::string_view rest) noexcept : rest_(rest) { ++*this; }
    std::string_view operator*() const noexcept { return line_; }
    iterator& operator++() noexcept;
    void operator++(int) noexcept { ++*this; }
    bool operator==(std::default_sentinel_t) const noexcept { return ended_; }

   private:
    std::string_view rest_;
    std::string_view line_;
    bool ended_ = false;
  };
  iterator begin() const noexcept { return iterator(rest_); }
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  std::string_view rest_;
};

// A whole number, all of `text` and nothing else; empty on anything else or out of range.
template <std::integral T>
std::optional<T> parse(std::string_view text, int base = 10) noexcept {
  T value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

// A decimal fraction, all of `text`.
std::optional<double> parse_double(std::string_view text) noexcept;

// Lower-case hexadecimal of bytes.
std::string hex(std::string_view bytes);
// Upper and lower case of ASCII letters; other bytes stay.
constexpr char to_lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
std::string to_lower(std::string_view text);
bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept;

bool is_valid_utf8(std::string_view text) noexcept;
// `text` with every byte that is not part of valid UTF-8 written as \xNN, upper-case hexadecimal.
std::string escape_invalid_utf8(std::string_view text);

// The candidate nearest to `word` by edit distance, if one is near enough to be meant.
std::optional<std::string_view> nearest(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace osprey
