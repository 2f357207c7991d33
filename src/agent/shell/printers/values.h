// How the value of a row's column reads as text.
#pragma once

#include <charconv>
#include <string>
#include <string_view>

#include "agent/shell/printers.h"
#include "base/text.h"

namespace osprey::agent::shell {

class Values {
 public:
  explicit Values(const PrinterOptions& options) : options_(options) {}

  // The value's own text: whole numbers are written here, the rest as SQLite renders it. Valid until the next call.
  std::string_view raw(const sql::Statement& row, std::size_t i, sql::ValueType type) {
    if (type == sql::ValueType::integer) {
      const auto end = std::to_chars(digits_, digits_ + sizeof digits_, row.integer(i)).ptr;
      return {digits_, static_cast<std::size_t>(end - digits_)};
    }
    const auto text = row.text(i);
    return options_.osquery_compatible ? text.substr(0, text.find('\0')) : text;
  }
  // The same, with the null value for NULL and, under our own name, bytes that are not UTF-8 as \xNN.
  std::string_view text(const sql::Statement& row, std::size_t i) {
    const auto type = row.type(i);
    if (type == sql::ValueType::null) return options_.null_value;
    const auto value = raw(row, i, type);
    if (options_.osquery_compatible || type == sql::ValueType::integer || is_valid_utf8(value)) return value;
    return escaped_ = escape_invalid_utf8(value);
  }

 private:
  const PrinterOptions& options_;
  char digits_[24];
  std::string escaped_;
};

}  // namespace osprey::agent::shell
