// Results: the lines that hosts log, kept for searching and export.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/db/database.h"
#include "server/results/line.h"
#include "server/results/search.h"
#include "server/time.h"

namespace osprey::server::results {

// What one host sent in one log request, as it came: each line a JSON object's text.
struct LogBatch {
  std::int64_t host = 0;
  bool status = false;  // status lines, else results
  Timestamp received;   // by the server's clock; the lines carry the host's own
  std::vector<std::string> lines;
  std::size_t bytes() const noexcept;
};

// How long lines are kept, in days by UTC. Where they take too much, that goes first which has used up most of its
// days; of today the oldest.
struct Retention {
  std::int64_t days = 30;
  std::int64_t bytes = 0;  // that the lines may take in the database, indexes included; 0: as much as there is
  std::map<std::string, std::int64_t> queries = {};  // the days of queries that have their own, by name
  bool operator==(const Retention&) const = default;
};

inline constexpr std::int64_t kMostDays = 36'500;
inline constexpr std::int64_t kMostQueriesWithDays = 100;

struct Statistics {
  std::int64_t rows = 0;  // about
  std::int64_t bytes = 0;
  std::optional<Timestamp> oldest, newest;
  struct Day {
    std::int32_t day = 0;  // since 1970-01-01
    std::int64_t rows = 0;
  };
  std::vector<Day> days;  // newest first
};

// Since the start of this server.
struct Counts {
  std::uint64_t lines = 0;  // stored
  std::uint64_t rows = 0;   // of them
  std::uint64_t raw = 0;    // lines that are none of osquery's, kept as they came
  std::uint64_t commits = 0;
  std::uint64_t refused = 0;  // batches: too much was waiting
  std::uint64_t failed = 0;   // batches that the database did not take; their hosts send them again
};

struct Options {
  std::size_t queue_bytes = 64 << 20;  // waiting to be stored
  std::chrono::milliseconds linger{5};
  Retention retention;  // as long as nobody has set another
};

// Thread-safe. Those with a body are for what only some neighbours need; fakes may leave them out.
class Results {
 public:
  virtual ~Results() = default;
  // Calls `done` once the lines are durable, or with an error: nothing of the batch is kept and the host is to send it
  // again. False: too much is waiting, the host is to come again later; `done` is not called.
  virtual bool store(LogBatch batch, std::function<void(const Result<void>&)> done) = 0;

  // A page, newest first. `before`: Page::next of the page before it. Takes no longer than about `time`: then the page
  // may be short, or empty, and go on at Page::next.
  virtual Result<Page> search(const Filter&, std::optional<std::int64_t> /*before*/, std::size_t /*limit*/,
                              std::chrono::milliseconds /*time*/) const {
    return Page();
  }
  // Of the newest lines that the filter finds within the time, which hosts, queries, actions and values are most
  // common.
  virtual Result<Facets> facets(const Filter&, const FacetOptions&) const { return Facets(); }

  virtual Result<Retention> retention() const { return Retention(); }
  virtual Result<void> set_retention(db::Transaction&, const Retention&) { return {}; }
  // Drops what a host has sent, in the transaction that removes it.
  virtual Result<void> remove_host(db::Transaction&, std::int64_t /*host*/) { return {}; }
  virtual Result<Statistics> statistics() const { return Statistics(); }
  virtual Counts counts() const { return {}; }

  // Makes the days to come, drops what is too old or too much, makes value filters of small commits. To be called once
  // a minute, by every server; takes some seconds at most, and what is not done then is for the next call.
  virtual Result<void> maintain(Timestamp /*now*/) { return {}; }
};

// `database` must outlive it and be migrated.
std::unique_ptr<Results> make_results(db::Database& database, Options options = {});

db::Schema schema();

}  // namespace osprey::server::results
