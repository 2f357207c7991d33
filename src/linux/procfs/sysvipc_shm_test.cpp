#include "linux/procfs/sysvipc_shm.h"

#include <gtest/gtest.h>

#include <string>

namespace osprey::linux {
namespace {

constexpr std::string_view kHeader =
    "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      "
    "dtime      ctime                   rss                  swap\n";

TEST(SysvipcShm, EveryField) {
  const auto memory = parse_sysvipc_shm(std::string(kHeader) +
                                        "         0          5  3600               1048576   101   102      2  1000  "
                                        "1001  1002  1003 1700000001          0 "
                                        "1700000003               4096                     0\n");
  ASSERT_EQ(memory.entries.size(), 1u);
  const auto& segment = memory.entries[0];
  EXPECT_EQ(segment.id, 5);
  EXPECT_EQ(segment.permissions, 03600u);
  EXPECT_TRUE(segment.permissions & SharedMemorySegment::kLocked);
  EXPECT_TRUE(segment.permissions & SharedMemorySegment::kDestroyedOnDetach);
  EXPECT_EQ(segment.size, 1048576);
  EXPECT_EQ(segment.creator_pid, 101);
  EXPECT_EQ(segment.last_pid, 102);
  EXPECT_EQ(segment.attached, 2);
  EXPECT_EQ(segment.owner_uid, 1000);
  EXPECT_EQ(segment.creator_uid, 1002);
  EXPECT_EQ(segment.attach_time, 1700000001);
  EXPECT_EQ(segment.detach_time, 0);
  EXPECT_EQ(segment.change_time, 1700000003);
}

TEST(SysvipcShm, ShortAndOddLinesAreCounted) {
  const auto memory = parse_sysvipc_shm(std::string(kHeader) + "0 1 600\n\n0 x 9 1 1 1 1 1 1 1 1 1 1 1\n");
  EXPECT_TRUE(memory.entries.empty());
  EXPECT_EQ(memory.skipped, 2u);
  EXPECT_TRUE(parse_sysvipc_shm("").entries.empty());
}

}  // namespace
}  // namespace osprey::linux
