// Sweeps: what takes from a past day the lines whose days are over, where other lines of the day stay. A segment mixes
// hosts and queries, so a sweep goes through all segments of its day, each in a transaction of its own. One sweep is
// under way at a time, whichever server goes on with it, and once begun it is finished: on SQLite lines are deleted
// where they are; on PostgreSQL what stays is copied into a table that in the end takes the place of the day's, so that
// the room is the disk's again, nothing waits for a vacuum, and until then every line is still found.
#pragma once

#include <chrono>
#include <optional>

#include "base/result.h"
#include "server/db/database.h"
#include "server/results/results.h"

namespace osprey::server::results {

// From the lines of `day` all go that are kept for `term` days or shorter.
struct Sweep {
  std::int32_t day = 0;
  std::int64_t term = 0;
};

Result<std::optional<Sweep>> sweep_under_way(db::Database& database);

// Goes on with it, or begins it unless it has been done and no line has come to that day since. False: not finished;
// the time is up, another server is at it, or the day's newest lines may not all be there yet.
Result<bool> sweep(db::Database& database, const Retention& retention, const Sweep& which, Timestamp now,
                   std::chrono::steady_clock::time_point end);

// Days that are gone, up to `last`, need no sweep.
void forget_sweeps(soci::session& sql, std::int32_t last);

// To be told in the transaction that makes one retention the other, before it does: what need not be swept again.
void carry_sweeps_over(soci::session& sql, const Retention& from, const Retention& to);

// What a host has sent goes from a sweep's copy, too; to be called before it is removed from the lines themselves.
void remove_host_from_sweep(soci::session& sql, std::int64_t host);

}  // namespace osprey::server::results
