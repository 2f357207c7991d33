// Clock: the two clocks that the schedule goes by, as an argument so that tests can turn them.
#pragma once

#include <chrono>
#include <cstdint>

namespace osprey::agent {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Never steps, goes on while the host sleeps (CLOCK_BOOTTIME).
  virtual std::chrono::milliseconds uptime() const = 0;
  // Unix seconds: may step by any amount in either direction.
  virtual std::int64_t unix_time() const = 0;

  static const Clock& system();
};

// Seconds that count as osquery's scheduler counts them: from the Unix time at start, then by themselves. A query is
// due when its splayed interval divides them, so that a fleet's agents are spread over time; the wall clock's later
// steps are not felt.
using Tick = std::uint64_t;

class Ticks {
 public:
  explicit Ticks(const Clock& clock);
  Tick now() const;
  // Until `tick` begins; zero if it has.
  std::chrono::milliseconds until(Tick tick) const;

 private:
  const Clock& clock_;
  std::chrono::milliseconds start_;
  Tick first_;
};

}  // namespace osprey::agent
