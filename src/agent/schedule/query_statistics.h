// QueryStatistics: what a scheduled query has cost, for osquery_schedule. Kept in the store; starts afresh when the
// query's SQL changes.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "store/store.h"

namespace osprey::agent {

// Of one run, times in microseconds. User and system are the query's own thread's.
struct QueryCost {
  std::uint64_t wall_us = 0;
  std::uint64_t user_us = 0;
  std::uint64_t system_us = 0;
  std::uint64_t memory = 0;  // the most bytes SQLite held for it

  bool operator==(const QueryCost&) const = default;
};

struct QueryStatistics {
  std::uint64_t executions = 0;
  std::int64_t last_executed = 0;  // Unix seconds
  std::uint64_t output_size = 0;   // of all runs' results
  QueryCost total;                 // its memory is the average
  QueryCost last;

  void add(const QueryCost& cost, std::uint64_t output_bytes, std::int64_t unix_time);
  bool operator==(const QueryStatistics&) const = default;
};

// The key is the query's name.
std::string encode(const QueryStatistics& statistics, std::string_view sql);
// Nothing so far where the bytes are another SQL text's, or none of ours.
QueryStatistics decode_statistics(std::string_view bytes, std::string_view sql);
// Whether the bytes are of another SQL text.
bool other_sql(std::string_view bytes, std::string_view sql);

}  // namespace osprey::agent
