// How long to wait before the next worker.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "agent/watcher/performance_limits.h"

namespace osprey::agent {

class Respawn {
 public:
  // `give_up`: end after as many quick deaths as osquery's watcher bears; else the delay grows up to `longest` and
  // stays there, since a host without an agent is worse off than one with an agent that comes and goes.
  Respawn(const PerformanceLimits& limits, std::chrono::seconds longest, bool give_up)
      : limits_(limits), longest_(longest), give_up_(give_up) {}

  // A worker has died after `lifetime`. Empty: give up.
  std::optional<std::chrono::seconds> delay_after(std::chrono::milliseconds lifetime);

 private:
  // A worker that has lived so long ends what went before: osquery never forgets a quick death.
  static constexpr std::chrono::minutes kProven{10};

  PerformanceLimits limits_;
  std::chrono::seconds longest_;
  bool give_up_;
  std::uint64_t quick_ = 0;   // deaths within the window
  std::uint64_t deaths_ = 0;  // before a worker was proven
};

}  // namespace osprey::agent
