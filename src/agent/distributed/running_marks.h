// RunningMarks: which distributed query is running, in the store by the SHA-256 of its text. A mark that a dead worker
// left denies that text for a while (compat section 7).
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "agent/schedule/clock.h"
#include "store/store.h"

namespace osprey::agent {

// Belongs to one thread, but for limit_hit().
class RunningMarks {
 public:
  // Takes over what the last worker left.
  RunningMarks(store::Store& store, const Clock& clock);

  // Whether a worker died of this text less than `term` ago.
  bool denies(std::string_view sql, std::chrono::seconds term) const;
  // Takes off what is older.
  void expire(std::chrono::seconds term);

  void begin(std::string_view sql);
  // Adds to `batch` that it has ended.
  void end(store::Batch& batch);
  // The watcher is about to end this process for what it uses: the query that runs now stays marked, come what may.
  void limit_hit();

 private:
  store::Store& store_;
  const Clock& clock_;
  std::map<std::string, std::int64_t, std::less<>> denied_;  // by key: when it began, Unix seconds
  std::mutex mutex_;
  std::string running_;  // its key; empty while there is none
  bool condemned_ = false;
};

}  // namespace osprey::agent
