#include "agent/schedule/clock.h"

#include <algorithm>
#include <ctime>

namespace osprey::agent {
namespace {

using std::chrono::milliseconds;

class SystemClock final : public Clock {
 public:
  milliseconds uptime() const override {
    timespec time{};
    ::clock_gettime(CLOCK_BOOTTIME, &time);
    return std::chrono::duration_cast<milliseconds>(std::chrono::seconds(time.tv_sec) +
                                                    std::chrono::nanoseconds(time.tv_nsec));
  }
  std::int64_t unix_time() const override { return std::time(nullptr); }
};

}  // namespace

const Clock& Clock::system() {
  static const SystemClock clock;
  return clock;
}

Ticks::Ticks(const Clock& clock)
    : clock_(clock), start_(clock.uptime()), first_(static_cast<Tick>(std::max<std::int64_t>(clock.unix_time(), 1))) {}

Tick Ticks::now() const {
  const auto passed = std::chrono::floor<std::chrono::seconds>(clock_.uptime() - start_);
  return first_ + static_cast<Tick>(std::max<std::int64_t>(passed.count(), 0));
}

milliseconds Ticks::until(Tick tick) const {
  if (tick <= now()) return milliseconds(0);
  return start_ + std::chrono::seconds(tick - first_) - clock_.uptime();
}

}  // namespace osprey::agent
