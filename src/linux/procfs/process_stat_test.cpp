#include "linux/procfs/process_stat.h"

#include <gtest/gtest.h>

namespace osprey::linux {
namespace {

TEST(ProcessStat, Fields) {
  const auto stat = parse_process_stat(
      "11600 (cat) R 11524 11520 7166 34817 11600 4194304 98 0 0 0 12 34 0 0 20 -5 3 0 197145 3133440 414 "
      "18446744073709551615 94158318395392 94158318415273 140728872141856 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0\n");
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->name, "cat");
  EXPECT_EQ(stat->state, 'R');
  EXPECT_EQ(stat->parent, 11524);
  EXPECT_EQ(stat->process_group, 11520);
  EXPECT_EQ(stat->session, 7166);
  EXPECT_EQ(stat->terminal, 34817u);
  EXPECT_EQ(stat->user_ticks, 12u);
  EXPECT_EQ(stat->system_ticks, 34u);
  EXPECT_EQ(stat->nice, -5);
  EXPECT_EQ(stat->threads, 3);
  EXPECT_EQ(stat->start_ticks, 197145u);
  EXPECT_EQ(stat->virtual_size, 3133440u);
  EXPECT_FALSE(stat->is_kernel_thread());
}

TEST(ProcessStat, NamesThatLookLikeTheRest) {
  const auto stat =
      parse_process_stat("7 (a) S 1 (b\n) Z 1 7 7 0 -1 2097216 0 0 0 0 0 0 0 0 20 0 1 0 55 0 0 0 0 0 0 0 0 0");
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->name, "a) S 1 (b\n");
  EXPECT_EQ(stat->state, 'Z');
  EXPECT_TRUE(stat->is_kernel_thread());
  EXPECT_EQ(stat->virtual_size, 0u);
}

TEST(ProcessStat, CutOrForeignTextIsRefused) {
  for (const auto* text : {"", "(", ")", "1 (x", "1 (x)", "1 (x) S", "1 (x) S 1 2 3 0 -1 0 0 0 0 0 1", ")(",
                           "1 (x) S a b c", "1 (x) S 99999999999999999999 2 3 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 5 6"})
    EXPECT_FALSE(parse_process_stat(text)) << text;
}

}  // namespace
}  // namespace osprey::linux
