// CopyIn: many rows into a table of PostgreSQL's, by COPY in its binary form, within the session's transaction.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "server/db/database.h"

struct pg_conn;

namespace osprey::server::db {

// Throws soci::soci_error, as SOCI's own statements do. No other statement may be run on the session in between.
class CopyIn {
 public:
  // `target`: "table (column, …)".
  CopyIn(soci::session& sql, const std::string& target);
  CopyIn(const CopyIn&) = delete;
  ~CopyIn();  // without end(): nothing is copied

  // A row of so many values, which follow, each in the type that the column has.
  void row(int values);
  void smallint(std::int16_t value);
  void integer(std::int32_t value);
  void bigint(std::int64_t value);
  void text(std::string_view storable);  // text.h; also for JSON columns
  void null();

  void end();

 private:
  void put(std::uint64_t value, int bytes);
  void flush();

  ::pg_conn* const connection_;
  std::string buffer_;
  bool open_ = false;
};

}  // namespace osprey::server::db
