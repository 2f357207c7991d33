#include "linux/files/services.h"

#include <gtest/gtest.h>

namespace osprey::linux {
namespace {

TEST(Services, NamePortProtocolAliasesAndComment) {
  const auto parsed = parse_services(
      "tcpmux\t\t1/tcp\t\t\t\t# TCP port service multiplexer\n"
      "discard 9/udp   sink  null\n"
      "#commented 7/tcp\n"
      "last 65535/sctp # one # two");
  ASSERT_EQ(parsed.entries.size(), 3u);
  EXPECT_EQ(parsed.entries[0].name, "tcpmux");
  EXPECT_EQ(parsed.entries[0].port, 1);
  EXPECT_EQ(parsed.entries[0].protocol, "tcp");
  EXPECT_EQ(parsed.entries[0].aliases, "");
  EXPECT_EQ(parsed.entries[0].comment, "TCP port service multiplexer");
  EXPECT_EQ(parsed.entries[1].aliases, "sink null");
  EXPECT_EQ(parsed.entries[1].comment, std::nullopt);
  EXPECT_EQ(parsed.entries[2].port, 65535);
  EXPECT_EQ(parsed.entries[2].comment, "one # two");
  EXPECT_EQ(parsed.skipped, 0u);
}

TEST(Services, WhatHasNoPortAndProtocolIsSkippedAndCounted) {
  const auto parsed = parse_services("a\nb 80\nc 80/\nd /tcp\ne 65536/tcp\nf x/tcp\ng -1/tcp\n");
  EXPECT_TRUE(parsed.entries.empty());
  EXPECT_EQ(parsed.skipped, 7u);
}

TEST(Services, OneHugeLineIsOneEntry) {
  const auto parsed = parse_services("big 1/tcp" + std::string(1 << 20, ' ') + std::string(1 << 20, 'x'));
  ASSERT_EQ(parsed.entries.size(), 1u);
  EXPECT_EQ(parsed.entries[0].aliases.size(), std::size_t{1 << 20});
}

}  // namespace
}  // namespace osprey::linux
