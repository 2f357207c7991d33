// A log line as it is stored: split into rows, one for each row of the query's result (compat section 4).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace osprey::server::results {

// As they are in the database; never renumbered.
enum class Kind : std::uint8_t {
  row = 0,     // of a query's result
  empty = 1,   // the query was run and gave no rows
  raw = 2,     // what is no line of osquery's: kept in `columns` as it came
  status = 3,  // of the agent about itself
};
enum class Action : std::uint8_t { none = 0, added = 1, removed = 2, snapshot = 3 };
std::string_view name_of(Kind kind) noexcept;
std::string_view name_of(Action action) noexcept;  // as in the log line; empty for none

struct Row {
  Kind kind = Kind::row;
  Action action = Action::none;
  std::int8_t severity = -1;  // of a status line: 0 to 3
  std::int64_t unix_ms = 0;   // by the host's clock; 0: the line does not say
  std::int64_t epoch = 0;
  std::int64_t counter = 0;
  std::string name;         // of the query
  std::string columns;      // an object's compact JSON: the row; of a status line filename, line, message, version
  std::string decorations;  // the same; empty without any

  std::size_t bytes() const noexcept { return sizeof *this + name.size() + columns.size() + decorations.size(); }
  bool operator==(const Row&) const = default;
};

// What rows have in common with the search: a number for each column's value, for the value filter.
using Tokens = std::vector<std::uint64_t>;

// Appends the rows of a line and the tokens of their columns and query names. Whatever the line is, there is at least
// one row; text comes out storable (db/text.h).
void append_rows(std::string_view line, bool status, std::vector<Row>& rows, Tokens& tokens);

std::uint64_t token_of_column(std::string_view column, std::string_view value) noexcept;
std::uint64_t token_of_query(std::string_view name) noexcept;

// The columns and their values as text, in the row's order; empty where `columns` is no object.
std::vector<std::pair<std::string, std::string>> columns_of(std::string_view columns);

// Tokens of a row that has been stored; for filters that are made later.
void append_tokens(const Row& row, Tokens& tokens);

}  // namespace osprey::server::results
