#include "protocol/result_row.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>
#include <tuple>

#include "base/json.h"
#include "base/text.h"

namespace osprey::protocol {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are stored as they are in memory");

constexpr char kInteger = 'i';
constexpr char kReal = 'd';
constexpr char kText = 't';

void append_length(std::string& out, std::size_t length) {
  for (; length >= 0x80; length >>= 7) out += static_cast<char>(length | 0x80);
  out += static_cast<char>(length);
}

// In the shortest form only, so that a row has one encoding.
std::optional<std::size_t> take_length(std::string_view& rest) {
  std::size_t length = 0;
  for (unsigned shift = 0; shift < 35 && !rest.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(rest.front());
    rest.remove_prefix(1);
    length |= static_cast<std::size_t>(byte & 0x7F) << shift;
    if (byte < 0x80) {
      if (byte == 0 && shift != 0) return std::nullopt;
      return length;
    }
  }
  return std::nullopt;
}

std::optional<std::string_view> take_bytes(std::string_view& rest, std::size_t length) {
  if (length > rest.size()) return std::nullopt;
  const auto bytes = rest.substr(0, length);
  rest.remove_prefix(length);
  return bytes;
}

template <class T>
void append_number(std::string& out, T value) {
  std::array<char, sizeof value> bytes{};
  std::memcpy(bytes.data(), &value, sizeof value);
  out.append(bytes.data(), bytes.size());
}

template <class T>
bool take_number(std::string_view& rest, T& value) {
  const auto bytes = take_bytes(rest, sizeof value);
  if (bytes) bytes->copy(reinterpret_cast<char*>(&value), sizeof value);
  return bytes.has_value();
}

void append_decimal(std::string& out, std::int64_t value) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

// "1.5", "3.0", "1e+30.0": 15 significant digits, and ".0" where no dot is.
void append_real_text(std::string& out, double value) {
  std::array<char, 32> digits{};
  const auto end =
      std::to_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::general, 15).ptr;
  const std::string_view text(digits.data(), end);
  out += text;
  if (text.find('.') == text.npos) out += ".0";
}

// "1.5", "3.0", "1e30": the fewest digits that give the number back, laid out as RapidJSON does: plain from 1e-6 to
// below 1e21, else with an exponent.
void append_real_number(std::string& out, double value) {
  std::array<char, 32> scientific{};  // d[.ddd]e[+-]xx
  const auto end =
      std::to_chars(scientific.data(), scientific.data() + scientific.size(), value, std::chars_format::scientific).ptr;
  std::string_view mantissa(scientific.data(), end);
  if (mantissa.front() == '-') {
    out += '-';
    mantissa.remove_prefix(1);
  }
  auto power = mantissa.substr(mantissa.find('e') + 1);
  mantissa = mantissa.substr(0, mantissa.find('e'));
  if (power.front() == '+') power.remove_prefix(1);
  const int exponent = parse<int>(power).value_or(0);
  std::string digits(1, mantissa.front());
  if (mantissa.size() > 2) digits += mantissa.substr(2);
  const int length = static_cast<int>(digits.size());
  const int point = exponent + 1;  // digits before the decimal point
  if (length <= point && point <= 21) {
    out.append(digits).append(static_cast<std::size_t>(point - length), '0').append(".0");
  } else if (0 < point && point <= 21) {
    out.append(digits, 0, static_cast<std::size_t>(point)).append(".");
    out.append(digits, static_cast<std::size_t>(point));
  } else if (-6 < point && point <= 0) {
    out.append("0.").append(static_cast<std::size_t>(-point), '0').append(digits);
  } else {
    out += digits.front();
    if (length > 1) out.append(".").append(digits, 1);
    out += 'e';
    append_decimal(out, exponent);
  }
}

// Neither control characters nor anything beyond ASCII in eight bytes.
bool is_plain(std::uint64_t word) {
  constexpr std::uint64_t kOnes = 0x0101010101010101u;
  constexpr std::uint64_t kHigh = 0x8080808080808080u;
  return (((word - kOnes * 0x20) | word) & kHigh) == 0;
}

bool is_plain(std::string_view text) {
  std::size_t i = 0;
  for (std::uint64_t word = 0; i + sizeof word <= text.size(); i += sizeof word) {
    std::memcpy(&word, text.data() + i, sizeof word);
    if (!is_plain(word)) return false;
  }
  for (; i < text.size(); ++i)
    if (const auto byte = static_cast<unsigned char>(text[i]); byte < 0x20 || byte >= 0x80) return false;
  return true;
}

}  // namespace

void RowEncoder::name(std::string_view name) {
  append_length(out_, name.size());
  out_ += name;
}

void RowEncoder::integer(std::string_view name, std::int64_t value) {
  this->name(name);
  out_ += kInteger;
  append_number(out_, value);
}

void RowEncoder::real(std::string_view name, double value) {
  this->name(name);
  out_ += kReal;
  append_number(out_, value);
}

void RowEncoder::text(std::string_view name, std::string_view value) {
  this->name(name);
  out_ += kText;
  append_length(out_, value.size());
  out_ += value;
}

bool RowDecoder::take(RowColumn& column) {
  const auto name_length = take_length(rest_);
  if (!name_length) return false;
  const auto name = take_bytes(rest_, *name_length);
  if (!name || (!first_ && *name <= before_) || rest_.empty()) return false;
  first_ = false;
  before_ = column.name = *name;
  const char kind = rest_.front();
  rest_.remove_prefix(1);
  switch (kind) {
    case kInteger:
      column.kind = RowColumn::Kind::integer;
      return take_number(rest_, column.integer);
    case kReal:
      column.kind = RowColumn::Kind::real;
      return take_number(rest_, column.real);
    case kText:
      column.kind = RowColumn::Kind::text;
      if (const auto length = take_length(rest_))
        if (const auto text = take_bytes(rest_, *length)) {
          column.text = *text;
          return true;
        }
      return false;
    default:
      return false;
  }
}

bool RowDecoder::next(RowColumn& column) {
  if (failed_ || rest_.empty()) return false;
  failed_ = !take(column);
  return !failed_;
}

bool row_less(std::string_view a, std::string_view b) {
  RowDecoder left(a);
  RowDecoder right(b);
  for (RowColumn x, y;;) {
    const bool more_left = left.next(x);
    const bool more_right = right.next(y);
    if (!more_left || !more_right) return more_right;
    if (std::tie(x.name, x.kind) != std::tie(y.name, y.kind))
      return std::tie(x.name, x.kind) < std::tie(y.name, y.kind);
    switch (x.kind) {
      case RowColumn::Kind::integer:
        if (x.integer != y.integer) return x.integer < y.integer;
        break;
      case RowColumn::Kind::real:
        if (x.real != y.real) return x.real < y.real;
        break;
      case RowColumn::Kind::text:
        if (x.text != y.text) return x.text < y.text;
        break;
    }
  }
}

std::string_view differential_text(std::string_view text, std::string& scratch) {
  if (is_plain(text)) return text;
  text = text.substr(0, text.find('\0'));
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  scratch.clear();
  const auto escape_controls = [&](std::string_view valid) {
    for (const char c : valid) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte >= 0x20)
        scratch += c;
      else
        scratch.append("\\x").append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 15]);
    }
  };
  if (is_valid_utf8(text))
    escape_controls(text);
  else
    escape_controls(escape_invalid_utf8(text));
  return scratch;
}

void append_json_value(std::string& out, const RowColumn& column, bool numerics) {
  switch (column.kind) {
    case RowColumn::Kind::text:
      append_json_string(out, column.text);
      return;
    case RowColumn::Kind::integer:
      if (!numerics) out += '"';
      append_decimal(out, column.integer);
      if (!numerics) out += '"';
      return;
    case RowColumn::Kind::real:
      // JSON has no number for infinity.
      if (numerics && std::isfinite(column.real)) {
        append_real_number(out, column.real);
        return;
      }
      out += '"';
      append_real_text(out, column.real);
      out += '"';
  }
}

bool append_columns(std::string& out, std::string_view row, bool numerics) {
  RowDecoder decoder(row);
  out += '{';
  char between = '\0';
  for (RowColumn column; decoder.next(column);) {
    if (between) out += between;
    between = ',';
    append_json_string(out, column.name);
    out += ':';
    append_json_value(out, column, numerics);
  }
  out += '}';
  return !decoder.failed();
}

}  // namespace osprey::protocol
