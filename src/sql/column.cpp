#include "sql/column.h"

#include <sqlite3.h>

#include <bit>
#include <functional>
#include <limits>

#include "sql/scan.h"

namespace osprey::sql {

std::string_view sql_name(Type type) noexcept {
  switch (type) {
    case Type::text:
      return "TEXT";
    case Type::integer:
      return "INTEGER";
    case Type::bigint:
      return "BIGINT";
    case Type::unsigned_bigint:
      return "UNSIGNED BIGINT";
    case Type::real:
      return "DOUBLE";
    case Type::blob:
      return "BLOB";
  }
  return "TEXT";
}

void Output::integer(std::int64_t value) const {
  if (hash_) return hash_->add(static_cast<std::uint64_t>(value));
  sqlite3_result_int64(context_, value);
}

void Output::unsigned_integer(std::uint64_t value) const {
  if (value <= std::uint64_t{std::numeric_limits<std::int64_t>::max()})
    integer(static_cast<std::int64_t>(value));
  else
    text(std::to_string(value));
}

void Output::real(double value) const {
  if (hash_) return hash_->add(std::bit_cast<std::uint64_t>(value));
  sqlite3_result_double(context_, value);
}

void Output::text(std::string_view value) const {
  if (hash_) return hash_->add(std::hash<std::string_view>()(value));
  // Never null: an empty view may hold no pointer, which SQLite would take for NULL.
  sqlite3_result_text64(context_, value.data() ? value.data() : "", value.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

void Output::blob(std::string_view value) const {
  if (hash_) return hash_->add(std::hash<std::string_view>()(value));
  sqlite3_result_blob64(context_, value.data() ? value.data() : "", value.size(), SQLITE_TRANSIENT);
}

void Output::failed(const Error& error) const {
  if (!hash_) scan_.warn(error);
}

}  // namespace osprey::sql
