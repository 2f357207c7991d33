#include "linux/procfs/memory_map.h"

#include <gtest/gtest.h>

namespace osprey::linux {
namespace {

TEST(MemoryMap, File) {
  const auto mapping = parse_memory_mapping(
      "5588b82bf000-5588b82c4000 r-xp 00002000 00:29 247766                     /opt/my app (deleted)");
  ASSERT_TRUE(mapping);
  EXPECT_EQ(mapping->start, "5588b82bf000");
  EXPECT_EQ(mapping->end, "5588b82c4000");
  EXPECT_EQ(mapping->permissions, "r-xp");
  EXPECT_EQ(mapping->offset, 8192u);
  EXPECT_EQ(mapping->device, "00:29");
  EXPECT_EQ(mapping->inode, 247766u);
  EXPECT_EQ(mapping->path, "/opt/my app (deleted)");
}

TEST(MemoryMap, WithoutFile) {
  const auto anonymous = parse_memory_mapping("7ffd1000-7ffd2000 rw-p 00000000 00:00 0 ");
  ASSERT_TRUE(anonymous);
  EXPECT_EQ(anonymous->path, "");
  const auto stack = parse_memory_mapping("7ffd1000-7ffd2000 rw-p 00000000 00:00 0                  [stack]");
  ASSERT_TRUE(stack);
  EXPECT_EQ(stack->path, "[stack]");
}

TEST(MemoryMap, WhatIsNoMappingIsRefused) {
  for (const auto* line : {"", "x", "1-2", "1-2 r-xp", "1-2 r-xp zz 00:00 0", "1-2 r-xp 0 00:00", "-2 r-xp 0 00:00 0",
                           "12 r-xp 0 00:00 0", "1-2 r 0 00:00 0"})
    EXPECT_FALSE(parse_memory_mapping(line)) << line;
}

}  // namespace
}  // namespace osprey::linux
