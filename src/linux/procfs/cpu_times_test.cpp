#include "linux/procfs/cpu_times.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace osprey::linux {
namespace {

TEST(CpuTimes, OneEntryACore) {
  const auto times = parse_cpu_times(
      "cpu  300 2 3 4 5 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\ncpu12 11 0 0 0\nintr 5 cpu1\ncpux 1\ncpu-1 1\n");
  ASSERT_EQ(times.size(), 2u);
  EXPECT_EQ(times[0].core, 0);
  EXPECT_THAT(times[0].ticks, testing::ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
  EXPECT_EQ(times[1].core, 12);
  EXPECT_EQ(times[1].ticks[CpuTimes::user], 11);
  EXPECT_EQ(times[1].ticks[CpuTimes::guest_nice], 0);
}

}  // namespace
}  // namespace osprey::linux
