// The types of a query's result columns, asked where a schema is wanted before rows are (.types, getQueryColumns).
#pragma once

#include <string>
#include <vector>

#include "sql/connection.h"

namespace osprey::sql {

// One of osquery's type names for each column, or "UNKNOWN". A table's column has its declared type. An expression's is
// inferred from SQLite's program for the statement by what last writes its register: whole-number constants and
// comparisons are INTEGER, arithmetic and aggregates BIGINT, text constants and || TEXT, CAST its target. Costs an
// EXPLAIN: not for the way of every query.
std::vector<std::string> column_types(Connection& connection, const Statement& statement);

}  // namespace osprey::sql
