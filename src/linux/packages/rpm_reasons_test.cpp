#include "linux/packages/rpm_reasons.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "base/temporary_tree.h"

namespace osprey::linux {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(RpmReasons, Dnf5) {
  EXPECT_THAT(parse_dnf5_packages("version = \"1.0\"\n[packages]\n\"a.x86_64\" = {reason = \"Weak Dependency\"}\n"
                                  "\"b.noarch\" = {reason = \"User\"}\n\"c\" = {}\n\"d\" = {reason = \"\n\"e"),
              ElementsAre(Pair("a.x86_64", "weak-dependency"), Pair("b.noarch", "user")));
}

TEST(RpmReasons, Zypper) {
  const auto reasons = parse_zypper_auto_installed("# comment\nlibfoo\n\n  libbar \n");
  EXPECT_THAT(reasons, ElementsAre(Pair("libbar", "dependency"), Pair("libfoo", "dependency")));
  EXPECT_EQ(rpm_reason(reasons, "libfoo", "x86_64"), "dependency");
  EXPECT_EQ(rpm_reason(reasons, "vim", "x86_64"), std::nullopt);
}

using Dnf4 = TemporaryTree;

// The tables as libdnf 0.70 creates them, less the columns that are not read.
TEST_F(Dnf4, History) {
  std::filesystem::create_directories(top / "var/lib/dnf");
  sqlite3* connection = nullptr;
  ASSERT_EQ(sqlite3_open((top / "var/lib/dnf/history.sqlite").c_str(), &connection), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(connection,
                         "CREATE TABLE trans(id INTEGER PRIMARY KEY, state INTEGER);"
                         "CREATE TABLE rpm(item_id INTEGER, name TEXT, arch TEXT);"
                         "CREATE TABLE trans_item(id INTEGER PRIMARY KEY, trans_id INTEGER, item_id INTEGER,"
                         " action INTEGER, reason INTEGER, state INTEGER);"
                         "INSERT INTO trans VALUES(1,1),(2,1),(3,2);"
                         "INSERT INTO rpm VALUES(1,'bash','x86_64'),(2,'glibc','x86_64'),(3,'bash','x86_64');"
                         "INSERT INTO trans_item VALUES(1,1,1,1,1,1),(2,1,2,1,5,1),(3,2,3,6,2,1),(4,2,1,7,1,1),"
                         "(5,3,2,1,2,1)",
                         nullptr, nullptr, nullptr),
            SQLITE_OK)
      << sqlite3_errmsg(connection);
  sqlite3_close(connection);
  EXPECT_THAT(read_rpm_reasons(root(), Interrupt::never()).value(),
              ElementsAre(Pair("bash.x86_64", "user"), Pair("glibc.x86_64", "group")));
}

}  // namespace
}  // namespace osprey::linux
