#include "sql/functions/testing.h"

namespace osprey::sql {
namespace {

using MathTest = FunctionsTest;

TEST_F(MathTest, IntegersKeepAllTheirDigits) {
  EXPECT_EQ(run("floor(9223372036854775807)"), (Outcome{false, "9223372036854775807", "integer"}));
  EXPECT_EQ(run("ceil(-9007199254740993)"), (Outcome{false, "-9007199254740993", "integer"}));
}

TEST_F(MathTest, OutsideTheIntegersIsTheLeastOfThem) {
  EXPECT_EQ(value("floor(9223372036854775808.0)"), "-9223372036854775808");
  EXPECT_EQ(value("ceil(-1e300)"), "-9223372036854775808");
  EXPECT_EQ(value("ceil(-9223372036854775808.0)"), "-9223372036854775808");
}

TEST_F(MathTest, PolesAndDomains) {
  EXPECT_EQ(value("cot(-0.0)"), value("1/tan(1) - 1e999"));
  EXPECT_TRUE(run("power(0,-1)").failed);
  EXPECT_TRUE(run("asin(1.1)").failed);
  EXPECT_EQ(value("degrees(pi())"), "180.0");
  EXPECT_EQ(value("radians(180) = pi()"), "1");
}

TEST_F(MathTest, ErrnoOfEarlierCallsIsForgotten) {
  EXPECT_TRUE(run("sqrt(-1)").failed);
  EXPECT_EQ(value("sqrt(4)"), "2.0");
}

}  // namespace
}  // namespace osprey::sql
