// What is searched for and what is found.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/db/database.h"
#include "server/results/line.h"
#include "server/time.h"

namespace osprey::server::results {

struct ValueMatch {
  enum class How : std::uint8_t { equals, contains };
  std::string column;
  std::string value;
  How how = How::equals;
};

// All of it must hold; what is empty is not asked.
struct Filter {
  bool status = false;                // status lines, else results
  std::vector<std::int64_t> hosts;    // one of
  std::vector<std::string> queries;   // by name, one of
  std::string query_prefix;           // "pack_NAME_"
  std::vector<Action> actions;        // one of
  std::optional<int> least_severity;  // of status lines
  std::optional<Timestamp> from;      // received then or later
  std::optional<Timestamp> to;        // received before
  std::vector<ValueMatch> values;     // each; not of raw lines
  std::string text;                   // somewhere in the columns, as JSON writes them
};

// A stored row.
struct Line {
  std::int64_t id = 0;  // ascending in the order of storing
  std::int64_t host = 0;
  Timestamp received;
  Row row;
};

bool matches(const Filter& filter, const Line& line);

struct Page {
  std::vector<Line> lines;           // newest first
  std::optional<std::int64_t> next;  // where to go on; none: nothing is left
  std::int64_t estimate = 0;         // how many the filter would find in all, about; see `exact`
  bool exact = false;
};

struct FacetOptions {
  std::size_t top = 10;              // values of each
  std::vector<std::string> columns;  // whose values are counted, too
  std::size_t most_lines = 100'000;  // looked at
  std::chrono::milliseconds time{2000};
};

struct Facets {
  struct Value {
    std::string value;
    std::int64_t lines = 0;
  };
  std::vector<Value> hosts, queries, actions;
  std::map<std::string, std::vector<Value>> columns;
  std::int64_t lines = 0;          // that were looked at
  std::optional<Timestamp> since;  // the oldest of them, where there are more than were looked at
};

Result<Page> search(db::Database& database, const Filter& filter, std::optional<std::int64_t> before, std::size_t limit,
                    std::chrono::milliseconds time);
Result<Facets> facets(db::Database& database, const Filter& filter, const FacetOptions& options);

}  // namespace osprey::server::results
