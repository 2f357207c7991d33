// The queries that are running, as this server knows them.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "server/time.h"

namespace osprey::server::live {

struct Running {
  std::int64_t id = 0;
  std::string sql;
  std::int64_t rows_a_host = 0;
  Timestamp expires_at;
  std::atomic<bool> ended{false};
  std::atomic<bool> touched{true};  // somebody has answered since it was last asked whether all have
};
using RunningPtr = std::shared_ptr<Running>;

// Thread-safe.
class RunningQueries {
 public:
  // `count`: how many there are, for /metrics.
  explicit RunningQueries(std::atomic<std::int64_t>& count) : count_(count) {}

  // Null: it is not known here.
  RunningPtr find(std::int64_t query) const;
  std::vector<RunningPtr> all() const;
  // What is known from now on: this, or what was known before (false).
  std::pair<RunningPtr, bool> add(RunningPtr query);
  // Marks it as ended and forgets it. False: it was not known.
  bool end(std::int64_t query);

 private:
  std::atomic<std::int64_t>& count_;
  mutable std::mutex mutex_;
  std::map<std::int64_t, RunningPtr> queries_;
};

}  // namespace osprey::server::live
