// StatementRows: a statement's rows as encoded rows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sql/connection.h"

namespace osprey::agent {

class StatementRows {
 public:
  // `escaped`: text as differential results have it; else only cut at its first NUL.
  StatementRows(std::string_view null_value, bool escaped);

  // Appends the statement's current row. Returns the bytes of its names and values, numbers as eight.
  std::uint64_t append(const sql::Statement& statement, std::string& out);

 private:
  struct Column {
    std::string name;
    std::size_t index;
  };
  void look_at(const sql::Statement& statement);
  std::string_view text(std::string_view bytes);

  std::string null_value_;
  bool escaped_;
  std::uint64_t statement_ = 0;
  std::vector<Column> columns_;  // by name; of equal names the right-most
  std::string scratch_;
};

}  // namespace osprey::agent
