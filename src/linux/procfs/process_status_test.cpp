#include "linux/procfs/process_status.h"

#include <gtest/gtest.h>

namespace osprey::linux {
namespace {

TEST(ProcessStatus, Fields) {
  const auto status = parse_process_status(
      "Name:\tbash\nUmask:\t0022\nState:\tS (sleeping)\nPid:\t42\nUid:\t1000\t1001\t1002\t1003\n"
      "Gid:\t10\t11\t12\t13\nGroups:\t10 20 \nNSpid:\t42\t7\t1\nVmSize:\t    2920 kB\nVmRSS:\t    1776 kB\n"
      "VmSwap:\t      8 kB\nThreads:\t1\n");
  ASSERT_TRUE(status.users && status.groups);
  EXPECT_EQ(status.users->real, 1000u);
  EXPECT_EQ(status.users->effective, 1001u);
  EXPECT_EQ(status.users->saved, 1002u);
  EXPECT_EQ(status.users->filesystem, 1003u);
  EXPECT_EQ(status.groups->real, 10u);
  EXPECT_EQ(status.groups->effective, 11u);
  EXPECT_EQ(status.groups->saved, 12u);
  EXPECT_EQ(status.groups->filesystem, 13u);
  EXPECT_EQ(status.namespace_pid, 1);
  EXPECT_EQ(status.resident_size, 1776u * 1024);
  EXPECT_EQ(status.swapped_size, 8u * 1024);
}

TEST(ProcessStatus, KernelThreadHasNoMemory) {
  const auto status = parse_process_status("Name:\tkthreadd\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nThreads:\t1\n");
  EXPECT_TRUE(status.users);
  EXPECT_FALSE(status.resident_size);
  EXPECT_FALSE(status.namespace_pid);
}

TEST(ProcessStatus, BrokenLinesStayEmpty) {
  const auto status =
      parse_process_status("Uid:\t1\t2\nGid\nGid:\t-1 0 0\nVmRSS:\t99999999999999999999 kB\nVmSwap:\nNSpid:\n");
  EXPECT_FALSE(status.users);
  EXPECT_FALSE(status.groups);
  EXPECT_FALSE(status.resident_size);
  EXPECT_FALSE(status.swapped_size);
  EXPECT_FALSE(status.namespace_pid);
}

}  // namespace
}  // namespace osprey::linux
