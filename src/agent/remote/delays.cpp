#include "agent/remote/delays.h"

#include <algorithm>
#include <random>
#include <thread>

namespace osprey::agent {

using std::chrono::milliseconds;

std::chrono::seconds square_of(std::uint64_t n) {
  constexpr std::uint64_t kMost = 10'000;
  return std::chrono::seconds(std::min(n, kMost) * std::min(n, kMost));
}

milliseconds jittered(milliseconds delay) {
  static thread_local std::minstd_rand random{std::random_device{}()};
  return delay / 2 + milliseconds(std::uniform_int_distribution<milliseconds::rep>(0, delay.count())(random));
}

bool pause(milliseconds delay, const Interrupt& stop) {
  constexpr milliseconds kLook{100};
  const auto end = Interrupt::Clock::now() + delay;
  for (auto now = Interrupt::Clock::now(); now < end && !stop.requested(); now = Interrupt::Clock::now())
    std::this_thread::sleep_for(std::min<Interrupt::Clock::duration>(kLook, end - now));
  return !stop.requested();
}

}  // namespace osprey::agent
