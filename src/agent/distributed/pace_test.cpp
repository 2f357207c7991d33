#include "agent/distributed/pace.h"

#include <gtest/gtest.h>

namespace osprey::agent {
namespace {

using namespace std::chrono_literals;

constexpr auto kInterval = 60s;
constexpr Pace::Round kQuiet{.took = 50ms};
constexpr Pace::Round kFailed{.failed = true, .took = 50ms};

class PaceTest : public testing::Test {
 public:
  Pace pace(bool compatible = false) {
    return Pace(compatible, [this](auto delay) { return delay + delay * percent_ / 100; });
  }
  int percent_ = 0;  // that are added as jitter
};

TEST_F(PaceTest, AnIntervalHasJitterUnderOurOwnName) {
  EXPECT_EQ(pace().after(kQuiet, kInterval), 60s);
  percent_ = -50;
  EXPECT_EQ(pace().after(kQuiet, kInterval), 57s);
  percent_ = 50;
  EXPECT_EQ(pace().after(kQuiet, kInterval), 63s);
  EXPECT_EQ(pace(true).after(kQuiet, kInterval), 60s);
}

TEST_F(PaceTest, DelaysGrowWithFailures) {
  auto own = pace();
  EXPECT_EQ(own.after(kFailed, kInterval), 60s);
  EXPECT_EQ(own.after(kFailed, kInterval), 120s);
  for (int i = 0; i < 100; ++i) own.after(kFailed, kInterval);
  EXPECT_EQ(own.after(kFailed, kInterval), 600s);
  percent_ = 50;
  EXPECT_EQ(own.after(kFailed, kInterval), 900s);
  percent_ = 0;
  EXPECT_EQ(own.after(kQuiet, kInterval), 60s);
  EXPECT_EQ(own.after(kFailed, kInterval), 60s);
  auto osquery = pace(true);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(osquery.after(kFailed, kInterval), 60s);
}

TEST_F(PaceTest, AnOfferedReadIsHeldAtOnce) {
  for (const bool compatible : {false, true}) {
    auto one = pace(compatible);
    EXPECT_EQ(one.hold(), 0s);
    EXPECT_EQ(one.after({.took = 50ms, .offered = 30s}, kInterval), 0s);
    EXPECT_EQ(one.hold(), 30s);
    EXPECT_EQ(one.after({.held = 30s, .took = 30s, .offered = 30s}, kInterval), 0s);
    EXPECT_EQ(one.after({.asked = true, .held = 30s, .took = 1ms, .offered = 30s}, kInterval), 0s);
    // The offer stops.
    EXPECT_EQ(one.after({.held = 30s, .took = 30s}, kInterval), 60s);
    EXPECT_EQ(one.hold(), 0s);
    EXPECT_EQ(one.after({.took = 50ms, .offered = 1000h}, kInterval), 0s);
    EXPECT_EQ(one.hold(), 300s);
  }
}

TEST_F(PaceTest, AHeldReadThatFailsIsFollowedByOneThatIsNot) {
  auto one = pace();
  one.after({.took = 50ms, .offered = 30s}, kInterval);
  EXPECT_EQ(one.after({.failed = true, .held = 30s, .took = 1ms}, kInterval), 2s);
  EXPECT_EQ(one.hold(), 0s);
  EXPECT_EQ(one.after(kFailed, kInterval), 4s);
  EXPECT_EQ(one.after({.took = 50ms, .offered = 30s}, kInterval), 0s);
  EXPECT_EQ(one.hold(), 30s);
}

TEST_F(PaceTest, ReadsThatAreNotHeldAfterAllArePolled) {
  auto one = pace();
  one.after({.took = 50ms, .offered = 30s}, kInterval);
  constexpr Pace::Round in_vain{.held = 30s, .took = 5ms, .offered = 30s};
  EXPECT_EQ(one.after(in_vain, kInterval), 0s);
  EXPECT_EQ(one.after(in_vain, kInterval), 0s);
  EXPECT_EQ(one.after(in_vain, kInterval), 60s);
  EXPECT_EQ(one.hold(), 0s);
  // Once more after that.
  EXPECT_EQ(one.after({.took = 50ms, .offered = 30s}, kInterval), 0s);
  EXPECT_EQ(one.hold(), 30s);
  EXPECT_EQ(one.after(in_vain, kInterval), 60s);
}

}  // namespace
}  // namespace osprey::agent
