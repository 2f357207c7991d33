#include "protocol/status_line.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace osprey::protocol {
namespace {

const StatusLine kLine{Severity::warning, 1795329825'141716, 3049, "shell.cpp", 12, "text"};

TEST(StatusLine, Forms) {
  ::setenv("TZ", "UTC", 1);
  EXPECT_EQ(glog_line(kLine), "W1122 06:43:45.141716  3049 shell.cpp:12] text\n");
  EXPECT_EQ(location_line(kLine), "severity=1 location=shell.cpp:12 message=text");
  EXPECT_EQ(json_line(kLine, "h1", "5.23.0", {{"a", "b"}}),
            R"({"hostIdentifier":"h1","calendarTime":"Sun Nov 22 06:43:45 2026 UTC","unixTime":1795329825,)"
            R"("severity":1,"filename":"shell.cpp","line":12,"message":"text","version":"5.23.0",)"
            R"("decorations":{"a":"b"}})");
}

TEST(StatusLine, SurvivesTheBuffer) {
  const auto again = decode_status(encode(kLine));
  ASSERT_TRUE(again);
  EXPECT_EQ(glog_line(*again), glog_line(kLine));
  EXPECT_EQ(decode_status("nonsense"), std::nullopt);
  EXPECT_EQ(decode_status("9 1 1 1 a b"), std::nullopt);
}

TEST(CalendarTime, PadsTheDayWithABlank) { EXPECT_EQ(calendar_time(1772719445), "Thu Mar  5 14:04:05 2026 UTC"); }

}  // namespace
}  // namespace osprey::protocol
