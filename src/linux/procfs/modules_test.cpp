#include "linux/procfs/modules.h"

#include <gtest/gtest.h>

namespace osprey::linux {
namespace {

TEST(Modules, EveryField) {
  const auto found = parse_modules(
      "nf_tables 372736 561 nft_ct,nft_chain_nat, Live 0xffffffffc0b11000\n"
      "nvidia 62775296 - - Loading 0x0000000000000000 (POE)\n");
  ASSERT_EQ(found.entries.size(), 2u);
  EXPECT_EQ(found.entries[0].name, "nf_tables");
  EXPECT_EQ(found.entries[0].size, 372736);
  EXPECT_EQ(found.entries[0].refcount, 561);
  EXPECT_EQ(found.entries[0].used_by, "nft_ct,nft_chain_nat");
  EXPECT_EQ(found.entries[0].status, "Live");
  EXPECT_EQ(found.entries[0].address, "0xffffffffc0b11000");
  EXPECT_EQ(found.entries[0].taints, "");
  EXPECT_EQ(found.entries[1].refcount, std::nullopt);
  EXPECT_EQ(found.entries[1].status, "Loading");
  EXPECT_EQ(found.entries[1].taints, "POE");
}

TEST(Modules, ShortAndOddLinesAreCounted) {
  const auto found = parse_modules("a 1 2 - Live\nb x 2 - Live 0x0\n\nc 1 2 - Live 0x0 (\n");
  ASSERT_EQ(found.entries.size(), 1u);
  EXPECT_EQ(found.entries[0].taints, "");
  EXPECT_EQ(found.skipped, 2u);
}

}  // namespace
}  // namespace osprey::linux
