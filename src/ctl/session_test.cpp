#include "ctl/session.h"

#include <gtest/gtest.h>

namespace osprey::ctl {
namespace {

TEST(Durations, AreReadAndToldInUnits) {
  EXPECT_EQ(duration_seconds("90"), 90);
  EXPECT_EQ(duration_seconds("10m"), 600);
  EXPECT_EQ(duration_seconds("7d"), 7 * 86400);
  for (const char* wrong : {"", "m", "0", "-5", "10 m", "1w", "99999999999999999999d"})
    EXPECT_FALSE(duration_seconds(wrong)) << wrong;
  EXPECT_EQ(duration_text(0), "0s");
  EXPECT_EQ(duration_text(59), "59s");
  EXPECT_EQ(duration_text(599), "9m59s");
  EXPECT_EQ(duration_text(86399), "23h59m");
  EXPECT_EQ(duration_text(2 * 86400 + 1), "2d0h");
}

TEST(Durations, TimesAreSecondsSince1970) {
  EXPECT_EQ(seconds_of("1970-01-02T00:00:01Z"), 86401);
  EXPECT_EQ(seconds_of("2026-11-22T14:00:00.123Z"), 1795356000);
  EXPECT_FALSE(seconds_of(""));
  EXPECT_FALSE(seconds_of("now"));
}

}  // namespace
}  // namespace osprey::ctl
