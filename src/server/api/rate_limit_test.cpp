#include "server/api/rate_limit.h"

#include <gtest/gtest.h>

namespace osprey::server::api {
namespace {

constexpr Rate kRate{.a_second = 10, .burst = 5};
constexpr Timestamp kNow{1'800'000'000'000};

TEST(RateLimit, TakesABurstAndThenSoManyASecond) {
  RateLimit limit;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(limit.take("a", kRate, kNow), 0) << i;
  EXPECT_EQ(limit.take("a", kRate, kNow), 100);
  EXPECT_EQ(limit.take("b", kRate, kNow), 0);
  EXPECT_EQ(limit.take("a", kRate, {kNow.ms + 99}), 1);
  EXPECT_EQ(limit.take("a", kRate, {kNow.ms + 100}), 0);
  EXPECT_GT(limit.take("a", kRate, {kNow.ms + 100}), 0);
}

TEST(RateLimit, AClockSetBackLocksNobodyOut) {
  RateLimit limit;
  for (int i = 0; i < 5; ++i) limit.take("a", kRate, kNow);
  EXPECT_LE(limit.take("a", kRate, {kNow.ms - 86'400'000}), 100);
}

TEST(RateLimit, ManyCallersDoNotFillTheMemory) {
  RateLimit limit(100);
  for (int i = 0; i < 100'000; ++i) EXPECT_EQ(limit.take(std::to_string(i), kRate, kNow), 0);
}

}  // namespace
}  // namespace osprey::server::api
