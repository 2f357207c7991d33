#include "linux/procfs/mount_options.h"

#include <gtest/gtest.h>

namespace osprey::linux {
namespace {

std::string merged(std::string own, std::string super) {
  Mount mount;
  mount.options = std::move(own);
  mount.super_options = std::move(super);
  return mount_options(mount);
}

TEST(MountOptions, BothHalvesInTheKernelsOrder) {
  EXPECT_EQ(merged("rw,nosuid,relatime", "rw,size=4k"), "rw,nosuid,relatime,size=4k");
  EXPECT_EQ(merged("rw", "rw"), "rw");
  EXPECT_EQ(merged("rw,relatime", "ro"), "ro,relatime");
  EXPECT_EQ(merged("ro,relatime", "rw,lowerdir=/"), "ro,relatime,lowerdir=/");
}

TEST(MountOptions, LabelsAndSynchronyStandBeforeTheMountsOwn) {
  EXPECT_EQ(merged("rw,nosuid", "rw,sync,seclabel,size=4k,sync"), "rw,sync,seclabel,nosuid,size=4k,sync");
  EXPECT_EQ(merged("rw,noexec", "rw,context=\"u:r:t:s0:c1,c2\",size=1"), "rw,context=\"u:r:t:s0:c1,c2\",noexec,size=1");
}

TEST(MountOptions, OddInput) {
  EXPECT_EQ(merged("", ""), "rw");
  EXPECT_EQ(merged("rw,,", "rw,\"open"), "rw,,,\"open");
}

}  // namespace
}  // namespace osprey::linux
