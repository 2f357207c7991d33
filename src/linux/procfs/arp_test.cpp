#include "linux/procfs/arp.h"

#include <gtest/gtest.h>

namespace osprey::linux {
namespace {

constexpr std::string_view kHeader = "IP address       HW type     Flags       HW address            Mask     Device\n";

TEST(Arp, Neighbours) {
  const auto parsed = parse_arp(std::string(kHeader) +
                                "192.0.2.1        0x1         0x2         02:fc:00:00:00:05     *        eth0\n"
                                "192.0.2.7        0x1         0x6         02:fc:00:00:00:07     *        br0.10\n");
  ASSERT_EQ(parsed.entries.size(), 2u);
  EXPECT_EQ(parsed.entries[0].address, "192.0.2.1");
  EXPECT_EQ(parsed.entries[0].mac, "02:fc:00:00:00:05");
  EXPECT_EQ(parsed.entries[0].interface, "eth0");
  EXPECT_EQ(parsed.entries[0].flags, 2u);
  EXPECT_EQ(parsed.entries[1].flags, 6u);
}

TEST(Arp, EmptyAndHeaderOnly) {
  EXPECT_TRUE(parse_arp("").entries.empty());
  EXPECT_TRUE(parse_arp(kHeader).entries.empty());
}

TEST(Arp, ShortLinesAndBadFlagsAreSkippedAndCounted) {
  const auto parsed = parse_arp(std::string(kHeader) +
                                "192.0.2.1 0x1 0x2 02:fc:00:00:00:05 *\n"
                                "192.0.2.1 0x1 2 02:fc:00:00:00:05 * eth0\n"
                                "192.0.2.1 0x1 0xzz 02:fc:00:00:00:05 * eth0\n"
                                "192.0.2.9 0x1 0x0 00:00:00:00:00:00 * eth0");
  ASSERT_EQ(parsed.entries.size(), 1u);
  EXPECT_EQ(parsed.entries[0].address, "192.0.2.9");
  EXPECT_EQ(parsed.skipped, 3u);
}

}  // namespace
}  // namespace osprey::linux
