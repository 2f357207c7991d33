#include "linux/procfs/iomem.h"

#include <gtest/gtest.h>

namespace osprey::linux {
namespace {

TEST(Iomem, NestedRegionsInOrder) {
  const auto map = parse_iomem(
      "00000000-00000fff : Reserved\n"
      "eec00000-febfffff : Reserved\n"
      "  eec00000-eecfffff : PCI ECAM 0000 [bus 00-00]\n"
      "4000000000-400007ffff : a : b\n");
  ASSERT_EQ(map.entries.size(), 4u);
  EXPECT_EQ(map.entries[0].start, "00000000");
  EXPECT_EQ(map.entries[0].end, "00000fff");
  EXPECT_EQ(map.entries[2].name, "PCI ECAM 0000 [bus 00-00]");
  EXPECT_EQ(map.entries[3].name, "a : b");
}

TEST(Iomem, LinesThatAreNoRangeAreCounted) {
  const auto map = parse_iomem("hello\n00-0x : a\n00 : a\n-00 : a\n\n12-34:a\nfffffffffffffffff-0 : wide\n");
  EXPECT_TRUE(map.entries.empty());
  EXPECT_EQ(map.skipped, 6u);
}

}  // namespace
}  // namespace osprey::linux
