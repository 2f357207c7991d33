// How often a caller may ask: so many a second, more for a moment.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "server/time.h"

namespace osprey::server::api {

struct Rate {
  std::int64_t a_second = 0;
  std::int64_t burst = 0;
};

// Thread-safe. Remembers only who has asked lately, and at most `most` of them: beyond that one of them
// is forgotten for each that comes.
class RateLimit {
 public:
  explicit RateLimit(std::size_t most = 20'000) : most_(most) {}
  // 0: now; else in so many milliseconds.
  std::int64_t take(const std::string& caller, Rate rate, Timestamp now);

 private:
  void make_room(std::int64_t now_us);

  const std::size_t most_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::int64_t> due_;  // when each has used up nothing, in microseconds
};

}  // namespace osprey::server::api
