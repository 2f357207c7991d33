// Segments: what is stored in one transaction on one day, up to kSegmentRows rows. The number of a row is its
// segment's, shifted, and its place therein; so numbers ascend in the order of storing whichever server stores.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "server/db/database.h"
#include "server/results/line.h"
#include "server/time.h"

namespace osprey::server::results {

inline constexpr int kSegmentBits = 13;
inline constexpr std::size_t kSegmentRows = 1U << kSegmentBits;
// Smaller ones get their filter later, several together.
inline constexpr std::size_t kFilteredRows = 1024;

constexpr std::int64_t first_row_of(std::int64_t segment) { return segment << kSegmentBits; }
constexpr std::int64_t last_row_of(std::int64_t segment) { return (segment << kSegmentBits) + kSegmentRows - 1; }

// A transaction that stores is over long before: no number below a segment of this age is still to come.
inline constexpr std::int64_t kSettledMs = 60'000;

std::int32_t day_of(Timestamp time) noexcept;

// A batch as rows; made where the request is handled, so that the one thread that commits only writes.
struct Prepared {
  std::int64_t host = 0;
  Timestamp received;
  std::size_t lines = 0;
  std::vector<Row> rows;
  Tokens tokens;
  std::size_t size = 0;
  std::size_t bytes() const noexcept { return size; }
};

struct Segment {
  struct Item {
    const Row* row;
    std::int64_t host;
    Timestamp received;
  };
  std::int32_t day = 0;
  Timestamp first, last;  // received
  std::vector<Item> rows;
  std::string filter;  // empty: none yet
};

// The segments point into the batches.
std::vector<Segment> split(std::span<Prepared> batches);

// Writes them. Throws soci::soci_error.
void write(db::Transaction& transaction, db::Dialect dialect, const std::vector<Segment>& segments, Timestamp now);

// The filter of a range of segments, instead of theirs.
void write_filter(soci::session& sql, std::int64_t segment, const std::string& filter);

// PostgreSQL: the table for a day's rows, unless it is there.
Result<void> make_day(db::Database& database, std::int32_t day);
// Its two halves: a table for a day's rows by any name, which nobody finds yet, and making that the day's.
void make_table_of_day(soci::session& sql, const std::string& name, std::int32_t day);
void attach_table_of_day(soci::session& sql, std::int32_t day);
std::string table_of_day(std::int32_t day);

}  // namespace osprey::server::results
