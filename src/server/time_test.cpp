#include "server/time.h"

#include <gtest/gtest.h>

namespace osprey::server {
namespace {

TEST(Time, IsWrittenInUtcWithMilliseconds) {
  EXPECT_EQ(to_rfc3339({1'795'356'245'120}), "2026-11-22T14:04:05.120Z");
  EXPECT_EQ(to_rfc3339({0}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_rfc3339({-1}), "1969-12-31T23:59:59.999Z");
  // A clock that is far off stays within what RFC 3339 can say.
  EXPECT_EQ(to_rfc3339({INT64_MAX}), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(to_rfc3339({INT64_MIN}), "0000-01-01T00:00:00.000Z");
}

TEST(Time, IsReadWithAnyOffset) {
  const Timestamp at{1'795'356'245'120};
  EXPECT_EQ(from_rfc3339("2026-11-22T14:04:05.120Z"), at);
  EXPECT_EQ(from_rfc3339("2026-11-22t16:04:05.12+02:00"), at);
  EXPECT_EQ(from_rfc3339("2026-11-22 09:34:05.1209999-04:30"), at);
  EXPECT_EQ(from_rfc3339("1970-01-01T00:00:00Z"), Timestamp{0});
  EXPECT_EQ(from_rfc3339(to_rfc3339({-62'000'000'000'001})), Timestamp{-62'000'000'000'001});
}

TEST(Time, RefusesWhatIsNoTime) {
  for (const char* text :
       {"", "now", "2026", "2026-11-22", "2026-11-22T14:04:05", "2026-13-22T14:04:05Z", "2026-02-30T14:04:05Z",
        "2026-11-22T24:00:00Z", "2026-11-22T14:60:00Z", "2026-11-22T14:04:05.Z", "2026-11-22T14:04:05Zz",
        "2026-11-22T14:04:05+2:00", "-026-11-22T14:04:05Z", "2026-11-22T14:04:-5Z", "2026-11-22T14:04:05+24:00"})
    EXPECT_FALSE(from_rfc3339(text)) << text;
}

}  // namespace
}  // namespace osprey::server
