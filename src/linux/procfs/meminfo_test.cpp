#include "linux/procfs/meminfo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace osprey::linux {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(Meminfo, KilobytesAreBytesAndCountsStay) {
  EXPECT_THAT(parse_meminfo("MemTotal:       24684092 kB\nActive(anon):  1 kB\nHugePages_Total:       3\n"),
              ElementsAre(Pair("Active(anon)", 1024), Pair("HugePages_Total", 3), Pair("MemTotal", 25276510208)));
}

TEST(Meminfo, WhatIsNoValueIsLeftOut) {
  EXPECT_TRUE(parse_meminfo("MemTotal\nMemFree: x kB\n: 3 kB\nCached: 4 MB\nBig: 99999999999999999999 kB\n"
                            "Wide: 9223372036854775807 kB\nLess: -4 kB\n\n")
                  .empty());
}

}  // namespace
}  // namespace osprey::linux
