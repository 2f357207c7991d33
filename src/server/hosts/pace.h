// Pace: how many hosts a second are asked for their details. When a whole fleet enrols at once all of them are due, and
// what they answer is far more to write than what they log: the fleet's other requests would wait behind it.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "server/time.h"

namespace osprey::server::hosts {

// Thread-safe, without locks.
class Pace {
 public:
  static constexpr std::int64_t kMilliseconds = 4;  // for each host
  static constexpr std::int64_t kBurst = 1000;      // milliseconds' worth that may have been saved up
  static constexpr std::int64_t kMostWaiting = 250;

  // Whether a host may be asked now; asks none.
  bool may(Timestamp now) const {
    const auto free = free_.load(std::memory_order_relaxed);
    return (free <= now.ms || is_nonsense(free, now)) && waiting_.load(std::memory_order_relaxed) < kMostWaiting;
  }
  bool begin(Timestamp now) {
    auto free = free_.load(std::memory_order_relaxed);
    while (may(now)) {
      const auto from = is_nonsense(free, now) ? now.ms - kBurst : std::max(free, now.ms - kBurst);
      if (free_.compare_exchange_weak(free, from + kMilliseconds, std::memory_order_relaxed)) return true;
    }
    return false;
  }

  // An answer waits to be written; has been.
  void waits() { waiting_.fetch_add(1, std::memory_order_relaxed); }
  void written() { waiting_.fetch_sub(1, std::memory_order_relaxed); }

 private:
  // The clock was set back.
  static bool is_nonsense(std::int64_t free, Timestamp now) { return free > now.ms + kMilliseconds; }

  std::atomic<std::int64_t> free_{0};  // when the next may be asked, in milliseconds
  std::atomic<std::int64_t> waiting_{0};
};

}  // namespace osprey::server::hosts
