#include "linux/files/magic.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace osprey::linux {
namespace {

MagicAnswers special(mode_t mode, std::string_view link = {}, bool dangling = false) {
  struct statx facts{};
  facts.stx_mode = static_cast<__u16>(mode);
  facts.stx_rdev_major = 1;
  facts.stx_rdev_minor = 3;
  return describe_special(facts, link, dangling).value_or(MagicAnswers{});
}

// Words of file(1) 5.44.
TEST(Magic, SpecialFiles) {
  EXPECT_EQ(special(S_IFDIR | 0755)[0], "directory");
  EXPECT_EQ(special(S_IFDIR | 01777)[0], "sticky, directory");
  EXPECT_EQ(special(S_IFDIR | 0755)[1], "inode/directory");
  EXPECT_EQ(special(S_IFCHR)[0], "character special (1/3)");
  EXPECT_EQ(special(S_IFBLK)[1], "inode/blockdevice");
  EXPECT_EQ(special(S_IFIFO)[0], "fifo (named pipe)");
  EXPECT_EQ(special(S_IFSOCK)[0], "socket");
  EXPECT_EQ(special(S_IFLNK, "target")[0], "symbolic link to target");
  EXPECT_EQ(special(S_IFLNK, "target", true)[0], "broken symbolic link to target");
  EXPECT_EQ(special(S_IFREG | 06755)[0], "setuid, setgid, empty");
  EXPECT_EQ(special(S_IFREG)[1], "inode/x-empty");
  EXPECT_EQ(special(S_IFREG)[2], "binary");
}

TEST(Magic, DatabasesThatAreNone) {
  const auto root = Root::host();
  EXPECT_THAT(MagicDatabases::open(root, "").error().text(), testing::HasSubstr("no magic database"));
  EXPECT_THAT(MagicDatabases::open(root, "/absent:/absent/too").error().text(),
              testing::HasSubstr("no magic database"));
  EXPECT_FALSE(MagicDatabases::open(root, "/etc"));
  EXPECT_FALSE(MagicDatabases::open(root, "/dev/null"));
  EXPECT_TRUE(MagicDatabases::open(root, "/absent:/etc/passwd"));  // its content is libmagic's to judge
}

}  // namespace
}  // namespace osprey::linux
