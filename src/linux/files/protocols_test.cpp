#include "linux/files/protocols.h"

#include <gtest/gtest.h>

namespace osprey::linux {
namespace {

TEST(Protocols, NameNumberAliasAndComment) {
  const auto parsed = parse_protocols(
      "# Internet protocols\n\n"
      "ip\t0\tIP\t\t# internet protocol, pseudo protocol number\n"
      "  tcp 6 TCP tcp4 # a # b \r\n"
      "mptcp 262");
  ASSERT_EQ(parsed.entries.size(), 3u);
  EXPECT_EQ(parsed.entries[0].name, "ip");
  EXPECT_EQ(parsed.entries[0].number, 0);
  EXPECT_EQ(parsed.entries[0].alias, "IP");
  EXPECT_EQ(parsed.entries[0].comment, "internet protocol, pseudo protocol number");
  EXPECT_EQ(parsed.entries[1].alias, "TCP");
  EXPECT_EQ(parsed.entries[1].comment, "a # b");
  EXPECT_EQ(parsed.entries[2].number, 262);
  EXPECT_EQ(parsed.entries[2].alias, std::nullopt);
  EXPECT_EQ(parsed.entries[2].comment, std::nullopt);
  EXPECT_EQ(parsed.skipped, 0u);
}

TEST(Protocols, LinesWithoutANumberAreSkippedAndCounted) {
  const auto parsed = parse_protocols("tcp\ntcp six TCP\ntcp -1\ntcp 99999999999 TCP\nudp 17 UDP\n");
  ASSERT_EQ(parsed.entries.size(), 1u);
  EXPECT_EQ(parsed.entries[0].name, "udp");
  EXPECT_EQ(parsed.skipped, 4u);
}

TEST(Protocols, AllBytesPass) {
  using namespace std::string_view_literals;
  const auto parsed = parse_protocols("a\0b 1 \xff\xfe # \0\x80\n"sv);
  ASSERT_EQ(parsed.entries.size(), 1u);
  EXPECT_EQ(parsed.entries[0].name, "a\0b"sv);
  EXPECT_EQ(parsed.entries[0].alias, "\xff\xfe");
  EXPECT_EQ(parsed.entries[0].comment, "\0\x80"sv);
}

}  // namespace
}  // namespace osprey::linux
