// The one bridge between tables and SQLite's virtual tables (https://www.sqlite.org/vtab.html).
#pragma once

#include <string>

#include "sql/table.h"

struct sqlite3;

namespace osprey::sql {

class Connection;

// The statement that declares a table in osquery's form, as `.schema` shows it: keyed tables have no rowid, and the
// columns that change what is looked at are the key. SQLite is told of the columns alone.
std::string declaration(const Table& table, std::string_view name);

// Makes `name` answerable on the connection; the table behind it is built and declared when a query first names it.
// Returns SQLite's result code.
int attach(Connection& connection, std::string_view name, const Table* (*find)(Connection&, std::string_view));

}  // namespace osprey::sql
