// The budget that walks, digests, file types and scans share (rule R11): bytes and opens per second.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>

namespace osprey::linux {

// Two buckets that fill at a steady rate and hold a second's worth: whoever finds one empty waits for its turn.
// Safe from several threads. A program that has one provides it as a service; without one nothing is held back.
class IoBudget {
 public:
  struct Rates {
    std::uint64_t bytes = 0;  // a second; 0 for no bound
    std::uint64_t opens = 0;  // of files and directories
  };
  explicit IoBudget(const Rates& rates);

  // Takes from the budget what is about to be opened or read. False when `stopped`, asked at least every 50 ms of
  // waiting, says so: then the work is not to be done. Something larger than the bucket is let through and paid off by
  // those that come after it.
  using Stopped = std::function<bool()>;
  bool open(const Stopped& stopped) { return take(opens_, 1, stopped); }
  bool read(std::uint64_t bytes, const Stopped& stopped) { return take(bytes_, bytes, stopped); }
  // The same for the whole of one file, which is not waited for.
  bool at_once(std::uint64_t bytes) {
    constexpr auto kStopped = [] { return true; };
    return open(kStopped) && read(bytes, kStopped);
  }

  struct Usage {
    std::uint64_t rate = 0;      // the limit
    std::uint64_t used = 0;      // a second, over the last whole one
    std::uint64_t peak = 0;      // the largest of those
    std::uint64_t waits = 0;     // how often somebody had to
    std::int64_t last_wait = 0;  // Unix seconds; 0 for never
  };
  Usage bytes() const { return usage(bytes_); }
  Usage opens() const { return usage(opens_); }

 private:
  using Clock = std::chrono::steady_clock;
  struct Bucket {
    double rate = 0;
    double level = 0;  // below 0 while somebody's large piece is being paid off
    Clock::time_point filled;
    Clock::time_point second;  // when the second began in which `current` is counted
    std::uint64_t current = 0;
    std::uint64_t last = 0;
    std::uint64_t peak = 0;
    std::uint64_t waits = 0;
    std::int64_t last_wait = 0;
  };
  static void roll(Bucket& bucket, Clock::time_point now);
  bool take(Bucket& bucket, std::uint64_t amount, const Stopped& stopped);
  // Takes what there is, or tells how long until there will be something.
  std::optional<Clock::duration> try_take(Bucket& bucket, std::uint64_t amount, bool waited);
  Usage usage(const Bucket& bucket) const;

  mutable std::mutex mutex_;
  Bucket bytes_;
  Bucket opens_;
};

}  // namespace osprey::linux
