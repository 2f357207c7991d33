#include <gtest/gtest.h>

#include "agent/watcher/performance_limits.h"
#include "agent/watcher/respawn.h"

namespace osprey::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

PerformanceLimits limits_of(std::string_view level) {
  Flags flags;
  flags.set("watchdog_level", level);
  flags.set("watchdog_delay", "0");
  return performance_limits(flags);
}

TEST(PerformanceLimits, LevelsAreOsquerys) {
  EXPECT_EQ(limits_of("0").memory_mb, 200U);
  EXPECT_EQ(limits_of("0").utilization_percent, 10U);
  EXPECT_EQ(limits_of("0").latency, seconds(12));
  EXPECT_EQ(limits_of("1").memory_mb, 100U);
  EXPECT_EQ(limits_of("1").utilization_percent, 5U);
  EXPECT_EQ(limits_of("1").latency, seconds(6));
  EXPECT_EQ(limits_of("-1").memory_mb, 10'000U);
}

TEST(PerformanceLimits, FlagsOverrideTheLevel) {
  Flags flags;
  flags.set("watchdog_memory_limit", "50");
  flags.set("watchdog_utilization_limit", "250");
  flags.set("watchdog_latency_limit", "3");
  const auto limits = performance_limits(flags);
  EXPECT_EQ(limits.memory_mb, 50U);
  EXPECT_EQ(limits.utilization_percent, 100U);
  EXPECT_EQ(limits.latency, seconds(3));
}

// compat/recordings/daemon/watch: 5 % of two CPUs for 6 s, told in these words.
TEST(PerformanceJudge, StopsAfterTooMuchCpuForTooLong) {
  auto limits = limits_of("0");
  limits.utilization_percent = 5;
  limits.latency = seconds(6);
  PerformanceJudge judge(limits, 2);
  EXPECT_FALSE(judge.observe({milliseconds(1000), 0}, seconds(3)));
  EXPECT_FALSE(judge.observe({milliseconds(1100), 0}, seconds(6)));  // a pause: 100 ms in 3 s
  EXPECT_FALSE(judge.observe({milliseconds(1500), 0}, seconds(9)));
  const auto violation = judge.observe({milliseconds(1900), 0}, seconds(12));
  ASSERT_TRUE(violation);
  EXPECT_EQ(violation->text, "Maximum sustainable CPU utilization limit 300ms exceeded for 6 seconds");
  EXPECT_EQ(to_text({violation->kind}), "limit:cpu");
}

TEST(PerformanceJudge, MemoryCountsFromTheFirstSample) {
  PerformanceJudge judge(limits_of("1"), 2);
  EXPECT_FALSE(judge.observe({milliseconds(0), 50 << 20}, seconds(3)));
  EXPECT_FALSE(judge.observe({milliseconds(0), 140 << 20}, seconds(6)));
  EXPECT_TRUE(judge.observe({milliseconds(0), 151 << 20}, seconds(9)));
}

TEST(PerformanceJudge, IsLenientAtTheStartButCounts) {
  auto limits = limits_of("1");
  limits.start_delay = seconds(60);
  PerformanceJudge judge(limits, 1);
  for (int i = 1; i < 20; ++i) EXPECT_FALSE(judge.observe({seconds(3) * i, 0}, seconds(3) * i));
  EXPECT_TRUE(judge.observe({seconds(60), 0}, seconds(60)));
}

TEST(Respawn, QuickDeathsAreOsquerys) {
  Respawn respawn(limits_of("0"), seconds(600), true);
  EXPECT_EQ(respawn.delay_after(seconds(1)), seconds(7));
  EXPECT_EQ(respawn.delay_after(seconds(1)), seconds(9));
  EXPECT_EQ(respawn.delay_after(seconds(1)), seconds(13));
  EXPECT_EQ(respawn.delay_after(seconds(1)), std::nullopt);
}

TEST(Respawn, UnderOurNameItGoesOnWithGrowingDelays) {
  Respawn respawn(limits_of("0"), seconds(60), false);
  for (int i = 0; i < 100; ++i) respawn.delay_after(seconds(1));
  EXPECT_EQ(respawn.delay_after(seconds(1)), seconds(60));
}

TEST(Respawn, OneDeathCostsNothingAndALongLifeForgets) {
  Respawn respawn(limits_of("0"), seconds(600), true);
  EXPECT_EQ(respawn.delay_after(seconds(30)), seconds(0));
  EXPECT_EQ(respawn.delay_after(seconds(30)), seconds(1));
  EXPECT_EQ(respawn.delay_after(seconds(30)), seconds(2));
  EXPECT_EQ(respawn.delay_after(seconds(30)), seconds(4));
  EXPECT_EQ(respawn.delay_after(minutes(11)), seconds(0));
}

}  // namespace
}  // namespace osprey::agent
