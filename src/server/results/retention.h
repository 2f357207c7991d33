// What becomes of stored lines with time.
#pragma once

#include "base/result.h"
#include "server/db/database.h"
#include "server/results/results.h"

namespace osprey::server::results {

// As it has been set, else `fallback`.
Retention retention_in(soci::session& sql, const Retention& fallback);
Result<void> write_retention(db::Transaction& transaction, const Retention& retention);
Result<Statistics> read_statistics(db::Database& database);

// Drops lines whose days are over, then, while there is too much, what has used up most of its days: on PostgreSQL a
// day's table where nothing of the day is kept longer; on SQLite the same by segments; else by a sweep (sweep.h). Where
// on PostgreSQL today's lines alone are too much, the oldest of them go by segments; the room of rows that were deleted
// is used again, with which autovacuum lags behind by a twentieth of the table or so. Takes some seconds at most, the
// rest is for the next call.
Result<void> drop_what_is_too_much(db::Database& database, const Retention& retention, Timestamp now);

// Joins small segments that follow each other and makes one value filter for them.
Result<void> make_late_filters(db::Database& database, Timestamp now);

}  // namespace osprey::server::results
