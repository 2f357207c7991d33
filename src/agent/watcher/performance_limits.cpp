#include "agent/watcher/performance_limits.h"

#include <fmt/format.h>

#include <algorithm>

namespace osprey::agent {
namespace {

constexpr std::uint64_t kMegabyte = 1 << 20;

// normal, restrictive, off.
constexpr PerformanceLimits kNormal;
constexpr PerformanceLimits kRestrictive = {
    .memory_mb = 100, .utilization_percent = 5, .latency = std::chrono::seconds(6)};
constexpr PerformanceLimits kOff = {.memory_mb = 10'000,
                                    .utilization_percent = 100,
                                    .latency = std::chrono::seconds(1000),
                                    .respawn_window = std::chrono::seconds(4),
                                    .quick_respawns = 1000,
                                    .respawn_delay_s = 1};

}  // namespace

PerformanceLimits performance_limits(const Flags& flags) {
  const auto level = flags.number("watchdog_level");
  auto limits = level < 0 ? kOff : level == 0 ? kNormal : kRestrictive;
  if (const auto mb = flags.number("watchdog_memory_limit"); mb > 0) limits.memory_mb = static_cast<std::uint64_t>(mb);
  if (const auto percent = flags.number("watchdog_utilization_limit"); percent > 0)
    limits.utilization_percent = static_cast<unsigned>(std::min<std::int64_t>(percent, 100));
  if (const auto seconds = flags.number("watchdog_latency_limit"); seconds > 0)
    limits.latency = std::chrono::seconds(seconds);
  limits.start_delay = std::chrono::seconds(flags.number("watchdog_delay"));
  return limits;
}

std::optional<Violation> PerformanceJudge::observe(const UsageSample& sample, std::chrono::milliseconds age) {
  if (!first_) first_ = sample;
  const auto used = sample.cpu - last_cpu_;
  last_cpu_ = sample.cpu;
  const auto budget = std::chrono::milliseconds(kSampleInterval) * limits_.utilization_percent * cpus_ / 100;
  above_ = used > budget ? above_ + 1 : 0;
  if (age < limits_.start_delay) return std::nullopt;

  if (above_ * kSampleInterval >= limits_.latency)
    return Violation{Death::Kind::cpu_limit,
                     fmt::format("Maximum sustainable CPU utilization limit {}ms exceeded for {} seconds",
                                 budget.count(), limits_.latency.count())};
  const auto grown = sample.resident_bytes - std::min(sample.resident_bytes, first_->resident_bytes);
  if (grown > limits_.memory_mb * kMegabyte)
    return Violation{
        Death::Kind::memory_limit,
        fmt::format("Memory limits exceeded: {} bytes above the start's, limit {} MB", grown, limits_.memory_mb)};
  return std::nullopt;
}

}  // namespace osprey::agent
