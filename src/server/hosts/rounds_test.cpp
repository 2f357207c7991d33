#include "server/hosts/rounds.h"

#include <gtest/gtest.h>

#include <vector>

namespace osprey::server::hosts {
namespace {

constexpr std::int64_t kNow = 1'795'000'000'000;
constexpr std::int64_t kHour = 3'600'000;
constexpr std::int64_t kYear = 365 * 24 * kHour;

TEST(Rounds, AskANewHostAtOnceAndThenEveryInterval) {
  Rounds rounds{std::chrono::hours(1)};
  EXPECT_FALSE(rounds.due(1, {kNow}));
  EXPECT_FALSE(rounds.ask(1, {kNow}));
  rounds.start(1, {}, {kNow});
  EXPECT_TRUE(rounds.ask(1, {kNow}));
  EXPECT_FALSE(rounds.ask(1, {kNow}));
  rounds.finish(1, {kNow + 5}, 7);
  EXPECT_EQ(rounds.ended(1).at.ms, kNow + 5);
  EXPECT_EQ(rounds.ended(1).revision, 7);
  EXPECT_FALSE(rounds.due(1, {kNow + kHour * 8 / 10}));
  EXPECT_TRUE(rounds.due(1, {kNow + kHour * 12 / 10}));
  EXPECT_TRUE(rounds.hurry(1));
  EXPECT_TRUE(rounds.due(1, {kNow + 6}));
  rounds.forget(1);
  EXPECT_FALSE(rounds.due(1, {kNow + 6}));
  EXPECT_FALSE(rounds.hurry(1));
}

TEST(Rounds, AskAHostThatDoesNotAnswerLessAndLess) {
  Rounds rounds{std::chrono::hours(1)};
  rounds.start(1, {}, {kNow});
  int asked = 0;
  for (std::int64_t at = 0; at < kHour; at += 10'000) asked += rounds.ask(1, {kNow + at});
  EXPECT_GE(asked, 4);
  EXPECT_LE(asked, 7);
}

TEST(Rounds, SpreadAFleetAfterAStop) {
  Rounds rounds{std::chrono::hours(1)};
  for (HostId host = 1; host <= 1000; ++host) rounds.start(host, {kNow - 2 * kHour}, {kNow});
  const auto due = [&](std::int64_t after) {
    int count = 0;
    for (HostId host = 1; host <= 1000; ++host) count += rounds.due(host, {kNow + after});
    return count;
  };
  EXPECT_LT(due(0), 10);
  EXPECT_NEAR(due(kHour / 2), 500, 60);
  EXPECT_EQ(due(kHour), 1000);
}

TEST(Rounds, SurviveAClockThatIsSet) {
  Rounds rounds{std::chrono::hours(1)};
  rounds.start(1, {kNow + kYear}, {kNow});  // written while the clock was a year ahead
  EXPECT_TRUE(rounds.due(1, {kNow + kHour}));
  ASSERT_TRUE(rounds.ask(1, {kNow + kHour}));
  rounds.finish(1, {kNow + kYear});
  EXPECT_TRUE(rounds.due(1, {kNow})) << "ended in what is now the future";
  ASSERT_TRUE(rounds.hurry(1));
  ASSERT_TRUE(rounds.ask(1, {kNow + kYear}));
  EXPECT_TRUE(rounds.due(1, {kNow})) << "asked in what is now the future";
}

}  // namespace
}  // namespace osprey::server::hosts
