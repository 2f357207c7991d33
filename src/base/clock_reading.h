// clock_gettime(2) as nanoseconds, for clocks that <chrono> does not have and times that the kernel tells.
#pragma once

#include <cstdint>
#include <ctime>

namespace osprey {

inline std::int64_t clock_nanoseconds(clockid_t clock) noexcept {
  timespec time{};
  ::clock_gettime(clock, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// Since boot, the time asleep included: what events' moments are (CLOCK_BOOTTIME).
inline std::uint64_t boot_nanoseconds() noexcept {
  return static_cast<std::uint64_t>(clock_nanoseconds(CLOCK_BOOTTIME));
}

// When the machine was started, by the wall clock as it goes now: with a moment since boot that moment's time.
inline std::int64_t wall_nanoseconds_at_boot() noexcept {
  return clock_nanoseconds(CLOCK_REALTIME) - clock_nanoseconds(CLOCK_BOOTTIME);
}

}  // namespace osprey
