#include "linux/files/passwd.h"

#include <gtest/gtest.h>

namespace osprey::linux {
namespace {

TEST(Passwd, FieldsOfAnAccount) {
  const auto accounts = parse_passwd("root:x:0:0:Super User:/root:/bin/bash\nnobody:x:4294967294:65534::/:\n");
  ASSERT_EQ(accounts.entries.size(), 2u);
  EXPECT_EQ(accounts.entries[0].description, "Super User");
  EXPECT_EQ(accounts.entries[0].shell, "/bin/bash");
  EXPECT_EQ(accounts.entries[1].uid, 4294967294u);
  EXPECT_EQ(accounts.entries[1].shell, "");
}

TEST(Passwd, BrokenLinesAreSkippedAndCounted) {
  const auto accounts = parse_passwd("short:x:1\nx:x:abc:0::/:/bin/sh\n:x:1:1::/:\n+nis\n# comment\n\nok:x:5:5:::\n");
  ASSERT_EQ(accounts.entries.size(), 1u);
  EXPECT_EQ(accounts.entries[0].username, "ok");
  EXPECT_EQ(accounts.skipped, 3u);
}

TEST(Group, Members) {
  const auto accounts = parse_group("wheel:x:10:ann,bob\nempty:x:11:\nbad:x\n");
  ASSERT_EQ(accounts.entries.size(), 2u);
  EXPECT_EQ(accounts.entries[0].members, (std::vector<std::string>{"ann", "bob"}));
  EXPECT_TRUE(accounts.entries[1].members.empty());
  EXPECT_EQ(accounts.skipped, 1u);
}

}  // namespace
}  // namespace osprey::linux
