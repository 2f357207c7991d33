#include "base/mountinfo.h"

#include <gtest/gtest.h>

namespace osprey {
namespace {

TEST(Mountinfo, EveryField) {
  const auto table = parse_mountinfo(
      "36 35 98:0 /mnt1 /mnt2 rw,noatime shared:7 master:1 - ext3 /dev/root rw,errors=continue\n"
      "22 27 0:21 / /proc rw,relatime - proc proc rw\n");
  ASSERT_EQ(table.mounts.size(), 2u);
  const auto& mount = table.mounts[0];
  EXPECT_EQ(mount.id, 36);
  EXPECT_EQ(mount.parent_id, 35);
  EXPECT_EQ(mount.root, "/mnt1");
  EXPECT_EQ(mount.point, "/mnt2");
  EXPECT_EQ(mount.options, "rw,noatime");
  EXPECT_EQ(mount.propagation, "shared:7 master:1");
  EXPECT_EQ(mount.type, "ext3");
  EXPECT_EQ(mount.source, "/dev/root");
  EXPECT_EQ(mount.super_options, "rw,errors=continue");
  EXPECT_EQ(table.mounts[1].propagation, "");
  EXPECT_EQ(table.skipped, 0u);
}

TEST(Mountinfo, OctalEscapesAndBytesThatAreNoText) {
  const auto table = parse_mountinfo("1 0 0:1 / /a\\040b\\011c\\012d\\134e\xff rw - tmpfs my\\040label rw\n");
  ASSERT_EQ(table.mounts.size(), 1u);
  EXPECT_EQ(table.mounts[0].point, "/a b\tc\nd\\e\xff");
  EXPECT_EQ(table.mounts[0].source, "my label");
}

TEST(Mountinfo, AnEmptySourceIsNoMissingField) {
  const auto table = parse_mountinfo("1 0 0:1 / /a rw - tmpfs  rw,size=4k\n");
  ASSERT_EQ(table.mounts.size(), 1u);
  EXPECT_EQ(table.mounts[0].source, "");
  EXPECT_EQ(table.mounts[0].super_options, "rw,size=4k");
}

TEST(Mountinfo, LinesThatAreNoMountAreCounted) {
  const auto table = parse_mountinfo("x 0 0:1 / /a rw - tmpfs t rw\n1 0 0:1 / /a rw shared:1\n1 0\n\n\n-\n");
  EXPECT_TRUE(table.mounts.empty());
  EXPECT_EQ(table.skipped, 4u);
}

TEST(Mountinfo, BackslashesThatEscapeNothingStay) {
  const auto table = parse_mountinfo("1 0 0:1 / /a\\9\\777\\12 rw - tmpfs t rw\n");
  ASSERT_EQ(table.mounts.size(), 1u);
  EXPECT_EQ(table.mounts[0].point, "/a\\9\\777\\12");
}

TEST(Mountinfo, WhatMayHang) {
  for (const auto type : {"nfs", "nfs4", "cifs", "autofs", "fuse", "fuse.sshfs", "fuseblk", "9p"})
    EXPECT_TRUE(may_hang(type)) << type;
  for (const auto type : {"ext4", "fusectl", "tmpfs", "overlay", "nfsd"}) EXPECT_FALSE(may_hang(type)) << type;
}

}  // namespace
}  // namespace osprey
