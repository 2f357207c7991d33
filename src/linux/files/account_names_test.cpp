#include "linux/files/account_names.h"

#include "base/temporary_tree.h"

namespace osprey::linux {
namespace {

using Accounts = TemporaryTree;

TEST_F(Accounts, NamesOfIds) {
  write("etc/passwd", "root:x:0:0:::\ntoor:x:0:0:::\n");
  write("etc/group", "staff:x:50:\n");
  AccountNames names(root());
  EXPECT_EQ(names.user(0), "root");
  EXPECT_EQ(names.user(4294967295), "4294967295");
  EXPECT_EQ(names.group(50), "staff");
  EXPECT_EQ(names.group(0), "0");
}

TEST_F(Accounts, NumbersWhereThereAreNoFiles) {
  AccountNames names(root());
  EXPECT_EQ(names.user(0), "0");
  EXPECT_EQ(names.group(0), "0");
}

}  // namespace
}  // namespace osprey::linux
