#include "events/syslog/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace osprey::events {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// datetime, host, severity, facility, tag, message
std::vector<std::string> shown(const SyslogEvent& event) {
  return {std::string(event.datetime), std::string(event.host), std::to_string(event.severity),
          std::string(event.facility), std::string(event.tag),  std::string(event.message)};
}

std::vector<std::string> csv(std::string_view line) {
  SyslogTexts texts;
  SyslogEvent event;
  if (!parse_syslog_csv(line, texts, event)) return {};
  return shown(event);
}

std::vector<std::string> message(std::string_view text) {
  SyslogTexts texts;
  SyslogEvent event;
  parse_syslog_message(text, texts, event);
  return shown(event);
}

// EVT-09, SLG-01: compat 5.7.
TEST(SyslogCsv, LinesAreAsRsyslogWritesThem) {
  EXPECT_THAT(csv(R"("2026-11-23T01:02:03+00:00","web","6","authpriv","sshd[7]:"," Accepted ""key"", for joe")"),
              ElementsAre("2026-11-23T01:02:03+00:00", "web", "6", "authpriv", "sshd[7]", "Accepted \"key\", for joe"));
  EXPECT_THAT(csv(R"("t","h","6","user","a:","""q""")"), ElementsAre("t", "h", "6", "user", "a", "\"q\""));
  EXPECT_THAT(csv("t,h,err,kern,kernel:,oops"), ElementsAre("t", "h", "3", "kern", "kernel", "oops"));
  EXPECT_THAT(csv(R"("t","h","6","user","","")"), ElementsAre("t", "h", "6", "user", "", ""));
}

TEST(SyslogCsv, WhatHasNotSixFieldsIsRefused) {
  EXPECT_THAT(csv(""), IsEmpty());
  EXPECT_THAT(csv("t,h,6,user,tag:"), IsEmpty());
  EXPECT_THAT(csv("t,h,6,user,tag:,a,b"), IsEmpty());
  EXPECT_THAT(csv(R"("t","h","6","user","tag:","a","b")"), IsEmpty());
  EXPECT_THAT(csv(R"("t","h","6","user","tag:","a)"), IsEmpty());
  EXPECT_THAT(csv("t,h,loud,user,tag:,a"), IsEmpty());
}

TEST(SyslogMessages, Of3164WithAndWithoutTheirHost) {
  EXPECT_THAT(message("<34>Oct 11 22:14:15 mymachine su: 'su root' failed"),
              ElementsAre("Oct 11 22:14:15", "mymachine", "2", "auth", "su", "'su root' failed"));
  // As glibc's syslog(3) writes.
  EXPECT_THAT(message(std::string_view("<86>Nov  3 01:02:03 sshd[77]: Accepted\n\0", 40)),
              ElementsAre("Nov  3 01:02:03", "", "6", "authpriv", "sshd[77]", "Accepted"));
  EXPECT_THAT(message("<13>2026-11-23T01:02:03.5+00:00 host app: x: y"),
              ElementsAre("2026-11-23T01:02:03.5+00:00", "host", "5", "user", "app", "x: y"));
  EXPECT_THAT(message("<13>Nov 23 01:02:03 no tag here"),
              ElementsAre("Nov 23 01:02:03", "", "5", "user", "", "no tag here"));
}

TEST(SyslogMessages, WithoutHeaderOrPriority) {
  EXPECT_THAT(message("<11>prog: bad"), ElementsAre("", "", "3", "user", "prog", "bad"));
  EXPECT_THAT(message("just words"), ElementsAre("", "", "5", "user", "", "just words"));
  EXPECT_THAT(message("<999>x"), ElementsAre("", "", "5", "user", "", "<999>x"));
  EXPECT_THAT(message("<>"), ElementsAre("", "", "5", "user", "", "<>"));
  EXPECT_THAT(message(""), ElementsAre("", "", "5", "user", "", ""));
  EXPECT_THAT(message("<14>two\nlines"), ElementsAre("", "", "6", "user", "", "two\nlines"));
}

TEST(SyslogMessages, Of5424) {
  SyslogTexts texts;
  SyslogEvent event;
  parse_syslog_message(
      "<165>1 2003-10-11T22:14:15.003Z my.host evnt 111 ID47 [e@3 a=\"x\\\"]\" b=\"\"][f@3] \xEF\xBB\xBFsaid", texts,
      event);
  EXPECT_THAT(shown(event), ElementsAre("2003-10-11T22:14:15.003Z", "my.host", "5", "local4", "evnt[111]", "said"));
  EXPECT_EQ(event.msgid, "ID47");
  EXPECT_EQ(event.structured_data, "[e@3 a=\"x\\\"]\" b=\"\"][f@3]");
  EXPECT_THAT(message("<13>1 - - app - - -"), ElementsAre("", "", "5", "user", "app", ""));
  // Not quite: all of it is the message.
  EXPECT_THAT(message("<13>1 - - app - - [open"), ElementsAre("", "", "5", "user", "", "1 - - app - - [open"));
}

}  // namespace
}  // namespace osprey::events
