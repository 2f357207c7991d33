// Output: rows as a table, JSON, JSON lines or CSV, as they come; one thing as YAML or JSON.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/terminal.h"

namespace osprey::ctl {

enum class Format : std::uint8_t { table, json, jsonl, csv };

// A value as a table or CSV shows it: text as it is, lists joined by commas, null empty, objects as JSON.
std::string cell_text(const boost::json::value& value);

// JSON of several lines, indented by two.
std::string pretty_json(const boost::json::value& value);

struct Column {
  std::string title;   // "ADDRESS"
  std::string member;  // of the object; "host.name" is within
};

// Rows to standard output. A table's rows are kept until flush(), or there are many of them, so that its columns fit
// them all; later rows may make a column wider for themselves and those after them. Other formats keep nothing.
// `finish` ends.
class Rows {
 public:
  Rows(Terminal& terminal, Format format) : terminal_(terminal), format_(format) {}
  // All rows of a list that ends soon: however many, until finish().
  void keep_until_finish() { keeps_ = true; }

  // `cells` by column, for table and CSV; `whole` for JSON. Columns that change in the middle get a new head line in a
  // table; in CSV the first columns stay, and false tells that something was left out.
  bool add(const std::vector<std::string>& columns, const std::vector<std::string>& cells,
           const boost::json::value& whole);
  void flush();
  void finish();
  std::size_t count() const noexcept { return count_; }

 private:
  void write_table_row(const std::vector<std::string>& cells, Colour colour);
  void write_csv_row(const std::vector<std::string>& cells);
  bool add_csv(const std::vector<std::string>& columns, const std::vector<std::string>& cells);
  void add_table(const std::vector<std::string>& columns, const std::vector<std::string>& cells);
  void widen(std::size_t column, std::size_t width);

  Terminal& terminal_;
  const Format format_;
  bool keeps_ = false;
  bool head_written_ = false;
  std::size_t count_ = 0;
  std::vector<std::string> columns_;
  std::vector<std::size_t> widths_;
  std::vector<std::vector<std::string>> kept_;
};

// Adds `item` by `columns`.
void add_item(Rows& rows, const std::vector<Column>& columns, const boost::json::value& item);

}  // namespace osprey::ctl
