#include "events/journal/age_clock.h"

#include <gtest/gtest.h>

namespace osprey::events {
namespace {

constexpr std::int64_t kHour = 3600;
constexpr std::int64_t kThen = 500'000 * kHour;

class AgeClockTest : public testing::Test {
 protected:
  // The machine runs for so long, and the wall clock jumps.
  void pass(std::int64_t time, std::int64_t jump = 0) {
    wall_ += time + jump;
    running_ += time;
    clock_.now(wall_, running_);
  }
  // Hours since the beginning that were `age` hours ago.
  std::int64_t before(std::int64_t age) const { return (clock_.before(age * kHour) - kThen) / kHour; }

  std::int64_t wall_ = kThen, running_ = kHour;
  AgeClock clock_{kThen, kThen, kHour};
};

TEST_F(AgeClockTest, AgesAsTheWallClockGoes) {
  pass(5 * kHour);
  EXPECT_EQ(before(0), 5);
  EXPECT_EQ(before(2), 3);
  EXPECT_EQ(before(8), -3);
}

TEST_F(AgeClockTest, WhatTheClockJumpedOverMakesNothingOlder) {
  pass(5 * kHour);
  pass(1, 100 * kHour - 1);
  EXPECT_EQ(clock_.before(kHour), kThen + 4 * kHour + 1);
  pass(2 * kHour);
  EXPECT_EQ(before(1), 106);
  EXPECT_EQ(before(3), 4);
  pass(2 * kHour, 50 * kHour);
  EXPECT_EQ(before(1), 108) << "behind the second jump";
  EXPECT_EQ(before(3), 106) << "between both";
  EXPECT_EQ(before(6), 3) << "before the first";
}

TEST_F(AgeClockTest, ASlewedClockDoesNotJump) {
  for (int second = 0; second < 2 * kHour; ++second) pass(1, second % 2);
  EXPECT_EQ(before(1), 2);
}

TEST_F(AgeClockTest, AJumpThatIsTakenBackIsNone) {
  pass(5 * kHour);
  pass(kHour, 100 * kHour);
  pass(kHour, -100 * kHour);
  EXPECT_EQ(before(4), 3);
}

TEST(AgeClock, NothingAgesWhileNobodyRuns) {
  AgeClock clock(kThen, kThen + 10 * kHour, kHour);
  EXPECT_EQ(clock.before(kHour), kThen - kHour);
  clock.now(kThen + 11 * kHour, 2 * kHour);
  EXPECT_EQ(clock.before(kHour), kThen + 10 * kHour);
  EXPECT_EQ(clock.before(2 * kHour), kThen - kHour);
  EXPECT_EQ(AgeClock(kThen + kHour, kThen, kHour).before(kHour), kThen - kHour) << "the last is yet to come";
}

TEST(AgeClock, ManyJumpsAreForgottenTheOldestFirst) {
  AgeClock clock(kThen, kThen, 0);
  for (int jump = 1; jump <= 3000; ++jump) clock.now(kThen + jump * 10 * kHour, jump * kHour);
  EXPECT_EQ(clock.before(kHour), kThen + 29'990 * kHour);
  EXPECT_EQ(clock.before(900 * kHour), kThen + 21'000 * kHour);
  EXPECT_EQ(clock.before(2000 * kHour), kThen + 19'000 * kHour) << "behind the last thousand it goes evenly";
}

}  // namespace
}  // namespace osprey::events
