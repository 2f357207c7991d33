// What becomes of stored lines with time.
#pragma once

#include "base/result.h"
#include "server/db/database.h"
#include "server/results/results.h"

namespace osprey::server::results {

// As it has been set, else `fallback`.
Result<Retention> read_retention(db::Database& database, const Retention& fallback);
Result<void> write_retention(db::Transaction& transaction, const Retention& retention);
Result<Statistics> read_statistics(db::Database& database);

// Drops what is oldest: on PostgreSQL whole days' tables; where today's alone is too much, and on SQLite always, rows,
// a segment at a time and for some seconds at most, the rest with the next call. The room of rows that were deleted is
// used again; PostgreSQL's autovacuum lags behind with that by a twentieth of the table or so.
Result<void> drop_what_is_too_much(db::Database& database, const Retention& retention, Timestamp now);

// Joins small segments that follow each other and makes one value filter for them.
Result<void> make_late_filters(db::Database& database, Timestamp now);

}  // namespace osprey::server::results
