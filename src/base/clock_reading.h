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

// How far one clock is ahead of another now. They cannot be read at once: where more than a moment lies between the
// readings, as the thread had to wait for its processor, they are read again, and the closest readings count.
inline std::int64_t clock_difference(clockid_t clock, clockid_t other) noexcept {
  std::int64_t closest = INT64_MAX, difference = 0;
  for (int reading = 0; reading < 8 && closest > 2'000; ++reading) {
    const auto before = clock_nanoseconds(other), between = clock_nanoseconds(clock), after = clock_nanoseconds(other);
    if (after - before >= closest) continue;
    closest = after - before;
    difference = between - before - closest / 2;
  }
  return difference;
}

// Since boot, the time asleep included: what events' moments are (CLOCK_BOOTTIME).
inline std::uint64_t boot_nanoseconds() noexcept {
  return static_cast<std::uint64_t>(clock_nanoseconds(CLOCK_BOOTTIME));
}

// When the machine was started, by the wall clock as it goes now: with a moment since boot that moment's time.
inline std::int64_t wall_nanoseconds_at_boot() noexcept { return clock_difference(CLOCK_REALTIME, CLOCK_BOOTTIME); }

}  // namespace osprey
