// Tables described in text: .schema and .help TABLE.
#pragma once

#include <string>

#include "sql/table.h"

namespace osprey::agent::shell {

// osquery's CREATE TABLE statement on one line.
std::string schema_line(const sql::Table& table);
// One column a line, with what the planner knows of each as a comment.
std::string schema_listing(const sql::Table& table);
// What the table and each column mean, what to know, and examples.
std::string table_help(const sql::Table& table);

}  // namespace osprey::agent::shell
