// A result row in the one form that is compared, stored and rendered: its columns by name, of equal names the
// right-most.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace osprey::protocol {

// Builds an encoded row. Columns must come in ascending order of their names, without repeats.
//
// Format, per column: length of the name (LEB128), the name, one byte of kind, the value: i and 8 bytes little-endian,
// d and 8 bytes of IEEE 754 little-endian, t and length (LEB128) and bytes. Equal rows have equal bytes and the other
// way round, so comparing rows is comparing bytes; 1 and "1" differ, as osquery has it (compat section 4.1).
class RowEncoder {
 public:
  explicit RowEncoder(std::string& out) : out_(out) {}
  void integer(std::string_view name, std::int64_t value);
  void real(std::string_view name, double value);
  void text(std::string_view name, std::string_view value);

 private:
  void name(std::string_view name);
  std::string& out_;
};

struct RowColumn {
  enum class Kind : std::uint8_t { integer, real, text } kind = Kind::text;
  std::string_view name;
  std::int64_t integer = 0;
  double real = 0;
  std::string_view text;
};

// Walks an encoded row. Only what RowEncoder writes is taken.
class RowDecoder {
 public:
  explicit RowDecoder(std::string_view row) : rest_(row) {}
  // False at the end, or where the bytes are no encoded row.
  bool next(RowColumn& column);
  bool failed() const noexcept { return failed_; }

 private:
  bool take(RowColumn& column);

  std::string_view rest_;
  std::string_view before_;  // the name of the column before
  bool first_ = true;
  bool failed_ = false;
};

// osquery's order of removed rows: by columns in the order of their names, each by name, kind (whole numbers,
// fractions, text) and value.
bool row_less(std::string_view a, std::string_view b);

// Text as differential results have it: bytes below 0x20 and those that are not part of valid UTF-8 as the four
// characters \xNN, and nothing after the first NUL.
std::string_view differential_text(std::string_view text, std::string& scratch);

// Appends the column's value as JSON. Without `numerics` it is a string whatever it is (compat section 4.4 has how
// numbers look).
void append_json_value(std::string& out, const RowColumn& column, bool numerics);
// Appends the row as a JSON object. False: the bytes are no encoded row; what was appended is to be dropped.
bool append_columns(std::string& out, std::string_view row, bool numerics);

}  // namespace osprey::protocol
