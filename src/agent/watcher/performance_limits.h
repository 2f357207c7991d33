// What a worker may use before the watcher stops it: osquery's levels and numbers (compat section 11.2).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "agent/flags/flags.h"
#include "agent/schedule/death_note.h"
#include "agent/watcher/usage.h"

namespace osprey::agent {

struct PerformanceLimits {
  std::uint64_t memory_mb = 200;      // above what the first sample showed
  unsigned utilization_percent = 10;  // of all logical CPUs
  std::chrono::seconds latency{12};   // of more than that, without a pause
  std::chrono::seconds respawn_window{4};
  std::uint64_t quick_respawns = 4;  // deaths within the window that osquery's watcher bears
  std::uint64_t respawn_delay_s = 5;
  std::chrono::seconds start_delay{60};  // after a worker's start without enforcement
};
inline constexpr std::chrono::seconds kSampleInterval{3};

// --watchdog_level and what overrides its numbers.
PerformanceLimits performance_limits(const Flags& flags);

struct Violation {
  Death::Kind kind;
  std::string text;  // osquery's words
};

// Judges one worker's samples, which come every kSampleInterval.
class PerformanceJudge {
 public:
  PerformanceJudge(const PerformanceLimits& limits, unsigned logical_cpus) : limits_(limits), cpus_(logical_cpus) {}
  // `age`: of the worker. A violation: it is to be stopped.
  std::optional<Violation> observe(const UsageSample& sample, std::chrono::milliseconds age);

 private:
  PerformanceLimits limits_;
  unsigned cpus_;
  std::optional<UsageSample> first_;
  std::chrono::milliseconds last_cpu_{0};
  unsigned above_ = 0;  // samples in a row
};

}  // namespace osprey::agent
