#include "linux/files/sqlite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "base/temporary_tree.h"

namespace osprey::linux {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class SqliteFileTest : public TemporaryTree {
 protected:
  ~SqliteFileTest() override { sqlite3_close_v2(owner_); }
  // The program whose database it is: it keeps its connection, and so its write-ahead log, open.
  void owner(const char* sql) {
    if (!owner_) {
      ASSERT_EQ(sqlite3_open((top / "x.db").c_str(), &owner_), SQLITE_OK);
    }
    ASSERT_EQ(sqlite3_exec(owner_, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(owner_);
  }
  Result<std::vector<std::string>> read(std::string_view sql) const {
    auto file = TRY(SqliteFile::open(root(), "/x.db", Interrupt::never()));
    auto query = TRY(file.query(sql));
    std::vector<std::string> rows;
    while (TRY(query.next())) rows.emplace_back(query.bytes(0));
    return rows;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(top)) found.push_back(entry.path().filename());
    std::ranges::sort(found);
    return found;
  }

  sqlite3* owner_ = nullptr;
};

TEST_F(SqliteFileTest, RowsWithoutATrace) {
  owner("CREATE TABLE t(a); INSERT INTO t VALUES('one'),(x'00ff'),(NULL)");
  EXPECT_THAT(read("SELECT a FROM t").value(), ElementsAre("one", std::string("\0\xff", 2), ""));
  EXPECT_THAT(names(), ElementsAre("x.db"));
}

TEST_F(SqliteFileTest, WriteAheadLogIsRead) {
  owner("PRAGMA journal_mode=WAL; CREATE TABLE t(a); PRAGMA wal_checkpoint; INSERT INTO t VALUES('in the log')");
  EXPECT_THAT(read("SELECT a FROM t").value(), ElementsAre("in the log"));
  owner("INSERT INTO t VALUES('not disturbed')");
  EXPECT_THAT(read("SELECT a FROM t").value(), ElementsAre("in the log", "not disturbed"));
}

TEST_F(SqliteFileTest, WriteAheadModeWithoutALog) {
  owner("PRAGMA journal_mode=WAL; CREATE TABLE t(a); INSERT INTO t VALUES('x')");
  sqlite3_close_v2(std::exchange(owner_, nullptr));
  EXPECT_THAT(names(), ElementsAre("x.db"));
  EXPECT_THAT(read("SELECT a FROM t").value(), ElementsAre("x"));
  EXPECT_THAT(names(), ElementsAre("x.db"));
}

TEST_F(SqliteFileTest, OwnersLockIsNoObstacle) {
  owner("CREATE TABLE t(a); INSERT INTO t VALUES('x'); BEGIN EXCLUSIVE");
  EXPECT_THAT(read("SELECT a FROM t").value(), ElementsAre("x"));
}

TEST_F(SqliteFileTest, NothingIsWritten) {
  owner("CREATE TABLE t(a)");
  EXPECT_THAT(read("INSERT INTO t VALUES(1)").error().message, HasSubstr("readonly"));
}

TEST_F(SqliteFileTest, ViewsOfTheFileAreNotRun) {
  owner("CREATE VIEW t AS SELECT randomblob(1000000000) AS a");
  EXPECT_THAT(read("SELECT a FROM t").error().message, HasSubstr("view"));
}

TEST_F(SqliteFileTest, HalfAFileAndNoDatabaseAtAll) {
  owner("CREATE TABLE t(a)");
  for (int i = 0; i < 100; ++i) owner("INSERT INTO t VALUES(randomblob(1000))");
  sqlite3_close_v2(std::exchange(owner_, nullptr));
  fs::resize_file(top / "x.db", fs::file_size(top / "x.db") / 2);
  EXPECT_FALSE(read("SELECT a FROM t"));
  std::ofstream(top / "x.db") << std::string(5000, 'x');
  EXPECT_THAT(read("SELECT 1 FROM sqlite_schema").error().text(), HasSubstr("/x.db: file is not a database"));
  fs::remove(top / "x.db");
  EXPECT_TRUE(read("SELECT 1").error().absent());
}

TEST_F(SqliteFileTest, Interrupted) {
  owner("CREATE TABLE t(a)");
  Interrupt interrupt;
  auto file = SqliteFile::open(root(), "/x.db", interrupt).value();
  auto query = file.query("WITH RECURSIVE n(a) AS (SELECT 1 UNION ALL SELECT a FROM n) SELECT count(*) FROM n").value();
  interrupt.request();
  EXPECT_EQ(query.next().error().code, ECANCELED);
}

}  // namespace
}  // namespace osprey::linux
