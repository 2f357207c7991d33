#include "agent/logging/rfc5424.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace osprey::agent {
namespace {

using testing::HasSubstr;
using testing::Lt;

const SyslogSender kSender{.facility = 19, .host_name = "web-1", .app_name = "ospreyd", .process_id = 77};
constexpr std::int64_t kTime = 1'772'719'445'000'021;

// LOG-01.
TEST(Rfc5424, AMessageHasItsFieldsInOrder) {
  EXPECT_EQ(syslog_message(kSender, SyslogSeverity::informational, kTime, "result", R"({"name":"users"})"),
            R"(<158>1 2026-03-05T14:04:05.000021Z web-1 ospreyd 77 result - {"name":"users"})");
}

TEST(Rfc5424, FieldsOfTheHeaderHoldWhatTheyMay) {
  SyslogSender sender{.facility = 23, .host_name = "", .app_name = std::string(60, 'a') + "é b", .process_id = 1};
  EXPECT_EQ(syslog_message(sender, SyslogSeverity::critical, kTime, "a b\x01", "x"),
            "<186>1 2026-03-05T14:04:05.000021Z - " + std::string(48, 'a') + " 1 ab - x");
  sender.app_name = "é b";
  EXPECT_THAT(syslog_message(sender, SyslogSeverity::critical, kTime, "a", "x"), HasSubstr(" - b 1 a - x"));
}

TEST(Rfc5424, TheHeaderStaysBelowItsBound) {
  const SyslogSender longest{
      .facility = 23, .host_name = std::string(300, 'h'), .app_name = std::string(300, 'p'), .process_id = 4'194'304};
  EXPECT_THAT(syslog_message(longest, SyslogSeverity::informational, kTime, std::string(300, 'm'), "").size(),
              Lt(kSyslogHeader));
}

TEST(Rfc5424, AFrameCountsTheBytesOfItsMessage) { EXPECT_EQ(syslog_frame("é\n"), "3 é\n"); }

TEST(Rfc5424, AFacilityThatIsNoneIsOsquerysDefault) {
  EXPECT_EQ(syslog_facility(0), 0);
  EXPECT_EQ(syslog_facility(23), 23);
  EXPECT_EQ(syslog_facility(24), 19);
  EXPECT_EQ(syslog_facility(-1), 19);
}

TEST(Rfc5424, SeveritiesAreMappedAsOsqueryDoes) {
  EXPECT_EQ(syslog_severity(protocol::Severity::info), SyslogSeverity::notice);
  EXPECT_EQ(syslog_severity(protocol::Severity::warning), SyslogSeverity::warning);
  EXPECT_EQ(syslog_severity(protocol::Severity::error), SyslogSeverity::error);
  EXPECT_EQ(syslog_severity(protocol::Severity::fatal), SyslogSeverity::critical);
}

}  // namespace
}  // namespace osprey::agent
