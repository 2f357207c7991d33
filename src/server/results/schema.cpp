#include "server/results/results.h"

namespace osprey::server::results {

namespace {

// A row's number says in which segment it is (segment.h). `name` is the query's. `columns` and `decorations` are JSON
// as our writer writes it, on which the search relies; text, since nothing is gained by having the database parse it
// again.
constexpr db::Migration kMigrations[] = {
    {.both = R"(
CREATE TABLE result_segment (
  id {id},
  first BIGINT,  -- the lowest segment whose rows it tells of, where several were joined
  day INTEGER NOT NULL,
  rows BIGINT NOT NULL,
  first_received_at BIGINT NOT NULL,
  last_received_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  filter {bytes}
);
CREATE INDEX result_segment_unfiltered ON result_segment (id) WHERE filter IS NULL;
CREATE INDEX result_segment_day ON result_segment (day, id);
CREATE TABLE result_retention (id SMALLINT PRIMARY KEY, days BIGINT NOT NULL, bytes BIGINT NOT NULL);
)",
     .sqlite = R"(
CREATE TABLE result_line (
  id INTEGER PRIMARY KEY, day INTEGER NOT NULL, received_at BIGINT NOT NULL, host BIGINT NOT NULL,
  unix_at BIGINT NOT NULL, kind SMALLINT NOT NULL, action SMALLINT NOT NULL, severity SMALLINT NOT NULL,
  epoch BIGINT NOT NULL, counter BIGINT NOT NULL, name TEXT NOT NULL, columns TEXT NOT NULL, decorations TEXT NOT NULL
);
CREATE INDEX result_line_host ON result_line (host, id);
)",
     // A filter is asked for 64 bytes of it: uncompressed, so that only the page with them is read.
     .postgresql = R"(
ALTER TABLE result_segment ALTER COLUMN filter SET STORAGE EXTERNAL;
CREATE TABLE result_line (
  id BIGINT NOT NULL, day INTEGER NOT NULL, received_at BIGINT NOT NULL, host BIGINT NOT NULL,
  unix_at BIGINT NOT NULL, kind SMALLINT NOT NULL, action SMALLINT NOT NULL, severity SMALLINT NOT NULL,
  epoch BIGINT NOT NULL, counter BIGINT NOT NULL, name TEXT NOT NULL, columns TEXT NOT NULL, decorations TEXT NOT NULL
) PARTITION BY RANGE (day);
CREATE INDEX result_line_id ON result_line (id);
CREATE INDEX result_line_host ON result_line (host, id);
)"},
    // `done`: from the segments of the day up to `segment` all is gone that is kept for `term` days or shorter
    // (sweep.h). Else the sweep is under way, and has come to `segment`.
    {.both = R"(
CREATE TABLE result_retention_query (name TEXT PRIMARY KEY, days BIGINT NOT NULL);
CREATE TABLE result_sweep (
  day INTEGER PRIMARY KEY, term BIGINT NOT NULL, segment BIGINT NOT NULL, done SMALLINT NOT NULL
);
)"},
};

}  // namespace

db::Schema schema() { return {"results", kMigrations}; }

}  // namespace osprey::server::results
