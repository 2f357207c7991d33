// The thread sanitizer's runtime of GCC 12 does not know pthread_mutex_clocklock, by which std::timed_mutex locks
// within a time: it would see unlocks alone. Linked into builds by that sanitizer only.
#include <pthread.h>

#include <ctime>

// By pthread_mutex_timedlock, which it knows, and the clock that this takes.
extern "C" int pthread_mutex_clocklock(pthread_mutex_t* mutex, clockid_t clock, const timespec* until) noexcept {
  constexpr long kSecond = 1'000'000'000;
  timespec now{};
  timespec deadline{};
  ::clock_gettime(clock, &now);
  ::clock_gettime(CLOCK_REALTIME, &deadline);
  deadline.tv_sec += until->tv_sec - now.tv_sec;
  deadline.tv_nsec += until->tv_nsec - now.tv_nsec;
  if (deadline.tv_nsec < 0) {
    deadline.tv_nsec += kSecond;
    --deadline.tv_sec;
  } else if (deadline.tv_nsec >= kSecond) {
    deadline.tv_nsec -= kSecond;
    ++deadline.tv_sec;
  }
  return ::pthread_mutex_timedlock(mutex, &deadline);
}
