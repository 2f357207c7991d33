// JsonRows: a statement's rows as a distributed write has them: all values strings, columns in SELECT order, of columns
// of one name the right-most value where the first stands.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sql/connection.h"

namespace osprey::agent {

class JsonRows {
 public:
  // Appends the statement's current row.
  void append(const sql::Statement& statement, std::string& out);

 private:
  struct Column {
    std::string key;  // as JSON, with its colon
    std::size_t index;
  };
  void look_at(const sql::Statement& statement);

  std::uint64_t statement_ = 0;
  std::vector<Column> columns_;
};

}  // namespace osprey::agent
