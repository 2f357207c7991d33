#include "linux/files/sqlite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "base/temporary_tree.h"
#include "base/unique_fd.h"

namespace osprey::linux {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

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

  std::string contents(const char* name) const {
    std::ifstream file(top / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
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
  EXPECT_THAT(read("INSERT INTO t VALUES(1)").error().message, HasSubstr("not authorized"));
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

// A transaction that has not ended, so large that it was written into the file already: what counts is the journal's.
TEST_F(SqliteFileTest, UncommittedPagesAreNotSeen) {
  owner("PRAGMA cache_size = 2; CREATE TABLE t(a, b); INSERT INTO t VALUES(0, 'old')");
  owner(
      "BEGIN; UPDATE t SET b = 'new'; INSERT INTO t SELECT value, randomblob(2000) FROM "
      "json_each('[1,2,3,4,5,6,7,8]')");
  owner("INSERT INTO t SELECT a, randomblob(3000) FROM t; INSERT INTO t SELECT a, randomblob(3000) FROM t");
  ASSERT_GT(fs::file_size(top / "x.db-journal"), 512U);
  EXPECT_THAT(read("SELECT b FROM t").value(), ElementsAre("old"));
  EXPECT_THAT(names(), ElementsAre("x.db", "x.db-journal"));
  owner("COMMIT");
  EXPECT_THAT(read("SELECT count(*) FROM t").value(), ElementsAre("36"));
}

// The owner died in the midst: file and journal as they were then.
TEST_F(SqliteFileTest, DeadOwnersJournalIsAppliedInMemory) {
  owner("PRAGMA cache_size = 2; CREATE TABLE t(a); INSERT INTO t VALUES('old')");
  owner("BEGIN; UPDATE t SET a = 'new'");
  for (int i = 0; i < 20; ++i) owner("INSERT INTO t VALUES(randomblob(2000))");
  fs::copy_file(top / "x.db", top / "dead.db");
  fs::copy_file(top / "x.db-journal", top / "dead.db-journal");
  const auto before = contents("dead.db") + contents("dead.db-journal");
  sqlite3_close_v2(std::exchange(owner_, nullptr));
  auto file = SqliteFile::open(root(), "/dead.db", Interrupt::never()).value();
  auto query = file.query("SELECT a, (SELECT count(*) FROM t) FROM t").value();
  ASSERT_TRUE(query.next().value());
  EXPECT_EQ(query.bytes(0), "old");
  EXPECT_EQ(query.integer(1), 1);
  EXPECT_FALSE(file.changed());
  EXPECT_EQ(contents("dead.db") + contents("dead.db-journal"), before);
}

TEST_F(SqliteFileTest, JournalThatIsNoneIsPassedBy) {
  owner("CREATE TABLE t(a); INSERT INTO t VALUES('x')");
  for (const auto& bytes : {std::string(), std::string(512, '\0'), std::string(4096, '\xd9')}) {
    write("x.db-journal", bytes);
    EXPECT_THAT(read("SELECT a FROM t").value(), ElementsAre("x"));
    EXPECT_EQ(contents("x.db-journal"), bytes);
  }
}

TEST_F(SqliteFileTest, WhatTheOwnerWritesMeanwhileIsNoticed) {
  owner("CREATE TABLE t(a); INSERT INTO t VALUES('x')");
  auto file = SqliteFile::open(root(), "/x.db", Interrupt::never()).value();
  EXPECT_FALSE(file.changed());
  owner("UPDATE t SET a = 'y'");
  EXPECT_TRUE(file.changed());
  EXPECT_TRUE(file.changed());
}

// Lines that are added to the log are not our snapshot's; a log that starts over is.
TEST_F(SqliteFileTest, LogThatGrowsAndLogThatStartsOver) {
  owner("PRAGMA journal_mode=WAL; CREATE TABLE t(a); INSERT INTO t VALUES('x')");
  auto file = SqliteFile::open(root(), "/x.db", Interrupt::never()).value();
  owner("INSERT INTO t VALUES('y')");
  auto query = file.query("SELECT count(*) FROM t").value();
  ASSERT_TRUE(query.next().value());
  EXPECT_EQ(query.integer(0), 1);
  EXPECT_FALSE(file.changed());
  owner("PRAGMA wal_checkpoint(RESTART)");
  auto after = SqliteFile::open(root(), "/x.db", Interrupt::never()).value();
  EXPECT_FALSE(after.changed());
  owner("INSERT INTO t VALUES('z')");
  EXPECT_TRUE(after.changed());
}

// Rows that always add up to the same, moved about as fast as can be: every answer is of one moment.
TEST_F(SqliteFileTest, EveryAnswerIsOfOneMoment) {
  for (const auto* mode : {"DELETE", "TRUNCATE", "PERSIST", "WAL"}) {
    owner(("PRAGMA synchronous=OFF; PRAGMA journal_mode=" + std::string(mode)).c_str());
    owner("PRAGMA wal_autocheckpoint=20; PRAGMA cache_size=5; DROP TABLE IF EXISTS t; CREATE TABLE t(a, b)");
    owner(
        "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 400) "
        "SELECT 100, zeroblob(200) FROM n");
    std::atomic<bool> done = false;
    int refusals = 0;
    std::thread writer([&] {
      for (int i = 0; !done; ++i) {
        const auto sql = "BEGIN; UPDATE t SET a = a - 1 WHERE rowid = " + std::to_string(i % 400 + 1) +
                         "; UPDATE t SET a = a + 1 WHERE rowid = " + std::to_string(i * 7 % 400 + 1) +
                         (i % 5 ? "; COMMIT" : "; ROLLBACK");
        if (sqlite3_exec(owner_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) ++refusals;
        // A moment in which to read: an owner that never rests is told as an error.
        if (i % 3 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
      }
    });
    int answers = 0;
    for (int i = 0; i < 25; ++i) {
      std::int64_t sum = 0;
      const auto result =
          SqliteFile::read_whole(root(), "/x.db", Interrupt::never(), {}, [&](SqliteFile& file) -> Result<void> {
            auto query = TRY(file.query("SELECT a FROM t"));
            sum = 0;
            while (TRY(query.next())) sum += query.integer(0);
            return {};
          });
      if (!result) continue;
      ++answers;
      EXPECT_EQ(sum, 40000) << mode;
    }
    done = true;
    writer.join();
    EXPECT_EQ(refusals, 0) << mode;
    EXPECT_GT(answers, 0) << mode;
  }
}

// The journal of a dead owner is the hardest to leave alone: whoever opens it otherwise applies and deletes it.
TEST_F(SqliteFileTest, NothingIsLockedOrTouched) {
  owner("CREATE TABLE t(a); INSERT INTO t VALUES('old'); PRAGMA cache_size=2; BEGIN; UPDATE t SET a = 'new'");
  for (int i = 0; i < 20; ++i) owner("INSERT INTO t VALUES(randomblob(2000))");
  fs::create_directory(top / "dead");
  for (const auto* name : {"x.db", "x.db-journal"}) fs::copy_file(top / name, top / "dead" / name);
  struct stat before{};
  ASSERT_EQ(::stat((top / "dead/x.db").c_str(), &before), 0);
  const UniqueFd events(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  ASSERT_GE(
      ::inotify_add_watch(events.get(), (top / "dead").c_str(), IN_ALL_EVENTS & ~(IN_OPEN | IN_ACCESS | IN_CLOSE)), 0);
  {
    auto file = SqliteFile::open(root(), "/dead/x.db", Interrupt::never()).value();
    auto query = file.query("SELECT a FROM t").value();
    ASSERT_TRUE(query.next().value());
    EXPECT_EQ(query.bytes(0), "old");
    std::ifstream locks("/proc/locks");
    const std::string all{std::istreambuf_iterator<char>(locks), {}};
    EXPECT_THAT(all, Not(HasSubstr(":" + std::to_string(before.st_ino) + " ")));
  }
  char event[4096];
  EXPECT_LT(::read(events.get(), event, sizeof event), 0);
  struct stat after{};
  ASSERT_EQ(::stat((top / "dead/x.db").c_str(), &after), 0);
  EXPECT_EQ(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
  EXPECT_EQ(after.st_ctim.tv_nsec, before.st_ctim.tv_nsec);
  EXPECT_EQ(std::distance(fs::directory_iterator(top / "dead"), {}), 2);
}

TEST_F(SqliteFileTest, QueriesReadAndNothingElse) {
  owner("CREATE TABLE t(a)");
  for (const auto* sql : {"ATTACH '/etc/passwd' AS x", "PRAGMA journal_mode=DELETE", "CREATE TEMP TABLE u(a)",
                          "SELECT load_extension('x')", "BEGIN IMMEDIATE", "DROP TABLE t", "VACUUM"})
    EXPECT_FALSE(read(sql)) << sql;
  EXPECT_THAT(read("SELECT json_extract('[7]', '$[0]')").value(), ElementsAre("7"));
  EXPECT_FALSE(read("  -- nothing"));
}

TEST_F(SqliteFileTest, VirtualTablesOfTheSchemaAreNotOpened) {
  owner("CREATE VIRTUAL TABLE f USING fts4(a); INSERT INTO f VALUES('x')");
  EXPECT_THAT(read("SELECT a FROM f").error().message, HasSubstr("no such module"));
}

TEST_F(SqliteFileTest, SchemaBeyondTheCap) {
  owner("CREATE TABLE t(a)");
  std::string sql = "CREATE TABLE u(a /*" + std::string(900'000, 'x') + "*/)";
  for (char name = 'a'; name < 'g'; ++name) {
    sql[13] = name;
    owner(sql.c_str());
  }
  EXPECT_FALSE(read("SELECT a FROM t"));
}

TEST_F(SqliteFileTest, SortsAreCapped) {
  owner("CREATE TABLE t(a)");
  const std::string rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ";
  EXPECT_EQ(read(rows + "5000) SELECT randomblob(1000) FROM n ORDER BY 1").value().size(), 5000U);
  EXPECT_THAT(read(rows + "500000) SELECT randomblob(1000) FROM n ORDER BY 1").error().message, HasSubstr("full"));
}

TEST_F(SqliteFileTest, TimeIsUp) {
  owner("CREATE TABLE t(a)");
  auto file = SqliteFile::open(root(), "/x.db", Interrupt::never(), {.time = std::chrono::milliseconds(20)}).value();
  auto query = file.query("WITH RECURSIVE n(a) AS (SELECT 1 UNION ALL SELECT a FROM n) SELECT count(*) FROM n").value();
  EXPECT_EQ(query.next().error().code, ETIMEDOUT);
}

TEST_F(SqliteFileTest, LogBesideTheFileThatALinkLeadsTo) {
  owner("PRAGMA journal_mode=WAL; CREATE TABLE t(a); INSERT INTO t VALUES('in the log')");
  fs::create_directory(top / "links");
  fs::create_symlink("../x.db", top / "links/l.db");
  auto file = SqliteFile::open(root(), "/links/l.db", Interrupt::never()).value();
  auto query = file.query("SELECT a FROM t").value();
  ASSERT_TRUE(query.next().value());
  EXPECT_EQ(query.bytes(0), "in the log");
}

}  // namespace
}  // namespace osprey::linux
