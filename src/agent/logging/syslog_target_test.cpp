#include "agent/logging/syslog_target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace osprey::agent {
namespace {

using Transport = SyslogTarget::Transport;

SyslogTarget target(Transport transport, std::string host, std::string port) {
  return {.transport = transport, .endpoint = {std::move(host), std::move(port)}};
}

// LOG-01.
TEST(SyslogTarget, HasATransportAHostAndAPort) {
  EXPECT_EQ(parse_syslog_target("udp://logs.example:5514"), target(Transport::udp, "logs.example", "5514"));
  EXPECT_EQ(parse_syslog_target("tcp://10.0.0.1"), target(Transport::tcp, "10.0.0.1", "514"));
  EXPECT_EQ(parse_syslog_target("tls://[fe80::1]"), target(Transport::tls, "fe80::1", "6514"));
  EXPECT_EQ(parse_syslog_target("tls://[::1]:1"), target(Transport::tls, "::1", "1"));
}

TEST(SyslogTarget, AnythingElseIsAnErrorThatSaysWhatIsWanted) {
  for (const auto* text : {"", "logs.example", "udp:logs", "http://logs", "UDP://logs", "udp://", "udp://:514",
                           "udp://a:", "udp://a:0", "udp://a:65536", "udp://a:1:2", "udp://a:514/", "udp://a/b",
                           "udp://u@a", "udp://[::1", "udp://[::1]x", "udp://[]", "udp://a b"}) {
    const auto parsed = parse_syslog_target(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_THAT(parsed.error().text(), testing::HasSubstr("tls://HOST:PORT")) << text;
  }
}

TEST(SyslogTarget, IsShownAsItIsWritten) {
  EXPECT_EQ(text_of(*parse_syslog_target("tls://[::1]")), "tls://[::1]:6514");
  EXPECT_EQ(text_of(*parse_syslog_target("udp://a:1")), "udp://a:1");
}

}  // namespace
}  // namespace osprey::agent
