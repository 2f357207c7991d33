#include "server/hosts/pace.h"

#include <gtest/gtest.h>

namespace osprey::server::hosts {
namespace {

constexpr std::int64_t kNow = 1'795'000'000'000;

int begun(Pace& pace, Timestamp now) {
  int hosts = 0;
  while (pace.begin(now)) ++hosts;
  EXPECT_FALSE(pace.may(now));
  return hosts;
}

TEST(Pace, SoManyASecondAndOneSecondsWorthAtOnce) {
  Pace pace;
  EXPECT_TRUE(pace.may({kNow}));
  EXPECT_NEAR(begun(pace, {kNow}), 250, 1);
  EXPECT_NEAR(begun(pace, {kNow + 100}), 25, 1);
  EXPECT_NEAR(begun(pace, {kNow + 60'000}), 250, 1);
}

TEST(Pace, NoneWhileAnswersWaitToBeWritten) {
  Pace pace;
  for (int i = 0; i < Pace::kMostWaiting; ++i) pace.waits();
  EXPECT_FALSE(pace.begin({kNow}));
  pace.written();
  EXPECT_TRUE(pace.begin({kNow}));
}

TEST(Pace, ClockSetBackByAYear) {
  Pace pace;
  EXPECT_GT(begun(pace, {kNow}), 0);
  EXPECT_NEAR(begun(pace, {kNow - 365 * 24 * 3'600'000LL}), 250, 1);
}

}  // namespace
}  // namespace osprey::server::hosts
