// Values of a row whose types are the database's to choose: SQLite and PostgreSQL call the same column or expression by
// different ones of SOCI's types, and row.get<T>() wants exactly the right one.
#pragma once

#include <soci/soci.h>

#include <cstdint>
#include <string>

namespace osprey::server::db {

// A whole number of any width, or a truth value; 0 for NULL.
inline std::int64_t whole(const soci::row& row, std::size_t column) {
  if (row.get_indicator(column) == soci::i_null) return 0;
  switch (row.get_properties(column).get_data_type()) {
    case soci::dt_integer:
      return row.get<int>(column);
    case soci::dt_long_long:
      return row.get<long long>(column);
    case soci::dt_unsigned_long_long:
      return static_cast<std::int64_t>(row.get<unsigned long long>(column));
    case soci::dt_double:
      return static_cast<std::int64_t>(row.get<double>(column));
    default:
      return std::stoll(row.get<std::string>(column));
  }
}

// Empty for NULL.
inline std::string text(const soci::row& row, std::size_t column) {
  return row.get_indicator(column) == soci::i_null ? std::string() : row.get<std::string>(column);
}

}  // namespace osprey::server::db
