#include "agent/schedule/repeated_errors.h"

#include <gtest/gtest.h>

namespace osprey::agent {
namespace {

TEST(RepeatedErrors, SaidOnceAnHourWithACount) {
  RepeatedErrors errors;
  EXPECT_EQ(errors.add("q", "bad", 100), "bad");
  EXPECT_EQ(errors.add("q", "bad", 110), std::nullopt);
  EXPECT_EQ(errors.add("q", "bad", 3699), std::nullopt);
  EXPECT_EQ(errors.add("q", "bad", 3700), "bad (3 times since it was said last)");
  EXPECT_EQ(errors.add("q", "bad", 3701), std::nullopt);
  EXPECT_EQ(errors.add("q", "worse", 3702), "worse");
  EXPECT_EQ(errors.add("p", "worse", 3702), "worse");
  errors.clear("q");
  EXPECT_EQ(errors.add("q", "worse", 3703), "worse");
}

TEST(RepeatedErrors, Bounded) {
  RepeatedErrors errors;
  for (int i = 0; i < 10'000; ++i) EXPECT_TRUE(errors.add(std::to_string(i), "bad", 1));
}

}  // namespace
}  // namespace osprey::agent
