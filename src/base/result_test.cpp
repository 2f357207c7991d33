#include "base/result.h"

#include <gtest/gtest.h>

namespace osprey {
namespace {

TEST(Result, TransformChangesTheValueAndKeepsTheError) {
  const Result<int> good = 20;
  EXPECT_EQ(transform(good, [](int value) { return value + 0.5; }).value(), 20.5);
  const Result<int> bad = failure("file", "no");
  const auto still = transform(bad, [](int value) { return std::to_string(value); });
  ASSERT_FALSE(still);
  EXPECT_EQ(still.error().text(), "file: no");
}

}  // namespace
}  // namespace osprey
