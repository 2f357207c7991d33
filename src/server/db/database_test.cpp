#include "server/db/database.h"

#include <gmock/gmock.h>
#include <soci/soci.h>

#include <latch>
#include <thread>

#include "server/db/bytes.h"
#include "server/db/test_database.h"
#include "server/db/text.h"

namespace osprey::server::db {
namespace {

using testing::HasSubstr;

constexpr Migration kMigrations[] = {
    {.both = "CREATE TABLE thing (id {id}, name TEXT NOT NULL UNIQUE, data {json}, hash {bytes});"},
    {.both = "CREATE TABLE second (thing BIGINT NOT NULL REFERENCES thing (id)); CREATE INDEX second_thing ON second "
             "(thing);",
     .sqlite = "INSERT INTO thing (name) VALUES ('sqlite');",
     .postgresql = "INSERT INTO thing (name) VALUES ('postgresql');"},
};
const Schema kSchema{"things", kMigrations};
const Schema kFirstOnly{"things", std::span(kMigrations).first(1)};

Result<void> insert(Database& database, const std::string& name) {
  return database.write([&](Transaction& transaction) -> Result<void> {
    transaction.sql() << "INSERT INTO thing (name) VALUES (:name)", soci::use(name);
    return {};
  });
}

long long count(Database& database) {
  return database
      .read([](soci::session& sql) {
        long long count = 0;
        sql << "SELECT count(*) FROM thing", soci::into(count);
        return count;
      })
      .value_or(-1);
}

// Waits for what another thread brings about.
template <class F>
bool within_seconds(F condition, int seconds = 20) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  while (std::chrono::steady_clock::now() < end) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return condition();
}

using DatabaseTests = DatabaseTest;
INSTANTIATE_TEST_SUITE_P(Databases, DatabaseTests, both_dialects(), dialect_name);

TEST_P(DatabaseTests, MigratesStepByStepAndOnce) {
  migrate(kFirstOnly);
  EXPECT_EQ(count(database()), 0);
  migrate(kSchema);
  EXPECT_EQ(count(database()), 1);
  migrate(kSchema);
  EXPECT_EQ(count(database()), 1);
}

TEST_P(DatabaseTests, ANewerDatabaseIsRefused) {
  migrate(kSchema);
  const auto done = open_another()->migrate(std::span(&kFirstOnly, 1));
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().text(), HasSubstr("newer osprey-server"));
  EXPECT_THAT(done.error().text(), HasSubstr("things is at version 2, this program knows 1"));
}

TEST_P(DatabaseTests, ServersThatMigrateAtOnceDoItOnce) {
  std::latch start(4);
  std::vector<std::thread> servers;
  std::atomic<int> good{0};
  for (int i = 0; i < 4; ++i)
    servers.emplace_back([&] {
      const auto mine = open_another();
      start.arrive_and_wait();
      if (mine->migrate(std::span(&kSchema, 1))) ++good;
    });
  for (std::thread& server : servers) server.join();
  EXPECT_EQ(good, 4);
  EXPECT_EQ(count(database()), 1);
}

TEST_P(DatabaseTests, AMigrationThatFailsLeavesNothing) {
  const Migration migrations[] = {{.both = "CREATE TABLE good (id {id});"}, {.both = "CREATE TABLE bad (;"}};
  const Schema schema{"broken", migrations};
  const auto done = database().migrate(std::span(&schema, 1));
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().text(), HasSubstr("migration 2 of broken"));
  const Schema mended{"broken", std::span(migrations).first(1)};
  EXPECT_TRUE(database().migrate(std::span(&mended, 1)));
}

TEST_P(DatabaseTests, AnErrorRollsBack) {
  migrate(kFirstOnly);
  const auto done = database().write([](Transaction& transaction) -> Result<int> {
    transaction.sql() << "INSERT INTO thing (name) VALUES ('a')";
    return failure("thing", "no");
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().text(), "thing: no");
  EXPECT_EQ(count(database()), 0);
}

TEST_P(DatabaseTests, AThrownExceptionRollsBackAndPasses) {
  migrate(kFirstOnly);
  const auto throwing = [&] {
    (void)database().write([](Transaction& transaction) -> Result<void> {
      transaction.sql() << "INSERT INTO thing (name) VALUES ('a')";
      throw std::logic_error("a bug");
    });
  };
  EXPECT_THROW(throwing(), std::logic_error);
  EXPECT_EQ(count(database()), 0);
  EXPECT_TRUE(insert(database(), "b"));
}

TEST_P(DatabaseTests, DuplicatesAndBadStatementsAreErrors) {
  migrate(kFirstOnly);
  ASSERT_TRUE(insert(database(), "a"));
  const auto duplicate = insert(database(), "a");
  ASSERT_FALSE(duplicate);
  EXPECT_EQ(duplicate.error().code, kDuplicate);
  const auto bad = database().read([](soci::session& sql) { sql << "SELECT * FROM nothing"; });
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, 0);
  const auto orphan = database().write([](Transaction& transaction) -> Result<void> {
    transaction.sql() << "CREATE TABLE part (thing BIGINT NOT NULL REFERENCES thing (id))";
    transaction.sql() << "INSERT INTO part (thing) VALUES (77)";
    return {};
  });
  ASSERT_FALSE(orphan);
  EXPECT_EQ(orphan.error().code, 0);
  EXPECT_EQ(count(database()), 1);
}

TEST_P(DatabaseTests, TextOfAnyBytesComesBackTheSameFromBoth) {
  migrate(kFirstOnly);
  using namespace std::string_literals;
  const std::pair<std::string, std::string> cases[] = {
      {"'; DROP TABLE thing; --", "'; DROP TABLE thing; --"},
      {"<script>alert(1)</script>", "<script>alert(1)</script>"},
      {"before\0after"s, "before\\x00after"},
      {"\xff\xfe broken", "\\xFF\\xFE broken"},
      {"\xed\xa0\x80", "\\xED\\xA0\\x80"},
      {":name $1 ?1 \\ \" %", ":name $1 ?1 \\ \" %"},
      {"жук 虫 🐞", "жук 虫 🐞"},
  };
  for (const auto& [given, kept] : cases) {
    ASSERT_TRUE(insert(database(), given));
    const auto found = database().read([&](soci::session& sql) {
      std::string name;
      sql << "SELECT name FROM thing WHERE name = :name", soci::use(given), soci::into(name);
      return name;
    });
    ASSERT_TRUE(found);
    EXPECT_EQ(*found, kept);
  }
}

TEST_P(DatabaseTests, BytesAndJsonComeBack) {
  migrate(kFirstOnly);
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  const Bytes hash{all};
  const std::string json = storable_json(R"({"name":"a\u0000b\\u0000","list":[1,2]})");
  ASSERT_TRUE(database().write([&](Transaction& transaction) -> Result<void> {
    transaction.sql() << "INSERT INTO thing (name, data, hash) VALUES ('a', :data, :hash)", soci::use(json),
        soci::use(hash);
    return {};
  }));
  const auto found = database().read([&](soci::session& sql) {
    std::pair<std::string, Bytes> row;
    sql << "SELECT data->>'name', hash FROM thing WHERE hash = :hash", soci::use(hash), soci::into(row.first),
        soci::into(row.second);
    return row;
  });
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(found->first, "a\\x00b\\u0000");
  EXPECT_EQ(found->second, hash);
}

TEST_P(DatabaseTests, IdsAreNeverUsedTwice) {
  migrate(kFirstOnly);
  const auto add = [&] {
    return *database().write([](Transaction& transaction) -> Result<long long> {
      long long id = 0;
      transaction.sql() << "INSERT INTO thing (name) VALUES ('a') RETURNING id", soci::into(id);
      transaction.sql() << "DELETE FROM thing";
      return id;
    });
  };
  const long long first = add();
  EXPECT_GT(add(), first);
}

TEST_P(DatabaseTests, AStatementThatTakesTooLongIsStopped) {
  const auto done = database().read_within(std::chrono::milliseconds(50), [](soci::session& sql) {
    long long sum = 0;
    sql << "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT sum(i) FROM n",
        soci::into(sum);
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, kTimeout) << done.error().text();
  EXPECT_TRUE(database().read([](soci::session& sql) { sql << "SELECT 1"; }));
}

TEST_P(DatabaseTests, ManyThreadsReadAndWriteBeyondTheConnections) {
  migrate(kFirstOnly);
  const auto many = open_another({.connections = 2, .wait = std::chrono::seconds(60)});
  std::vector<std::thread> threads;
  std::atomic<int> failed{0};
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        if (!insert(*many, std::to_string(t) + "/" + std::to_string(i))) ++failed;
        if (count(*many) < 1) ++failed;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(count(*many), 80);
  const Database::Counts counts = many->counts();
  EXPECT_EQ(counts.writes, 80U);
  EXPECT_EQ(counts.in_use, 0U);
  EXPECT_LE(counts.open, 3U);
}

TEST_P(DatabaseTests, WhatIsCommittedIsToldInOrder) {
  migrate(kFirstOnly);
  std::mutex mutex;
  std::vector<std::string> heard;
  const auto other = open_another();
  // SQLite belongs to one server.
  Database& listener = GetParam() == Dialect::sqlite ? database() : *other;
  listener.listen("things",
                  [&](const std::string& payload) {
                    std::lock_guard lock(mutex);
                    heard.push_back(payload);
                  },
                  {});
  listener.listen("Other \"things\"",
                  [&](const std::string& payload) {
                    std::lock_guard lock(mutex);
                    heard.push_back("other " + payload);
                  },
                  {});
  const auto tell = [&](const std::string& payload, bool commit) {
    return database().write([&](Transaction& transaction) -> Result<void> {
      transaction.notify("things", payload);
      transaction.notify("unheard", payload);
      if (!commit) return failure("", "rolled back");
      return {};
    });
  };
  EXPECT_TRUE(tell("it's 1", true));
  EXPECT_FALSE(tell("2", false));
  EXPECT_FALSE(tell(std::string(kPayloadMost + 1, 'x'), true));
  EXPECT_TRUE(tell("3", true));
  EXPECT_TRUE(database().write([](Transaction& transaction) -> Result<void> {
    transaction.notify("Other \"things\"", "4");
    return {};
  }));
  EXPECT_TRUE(within_seconds([&] {
    std::lock_guard lock(mutex);
    return heard.size() >= 3;
  }));
  std::lock_guard lock(mutex);
  EXPECT_THAT(heard, testing::ElementsAre("it's 1", "3", "other 4"));
}

class PostgresqlTests : public DatabaseTest {};
INSTANTIATE_TEST_SUITE_P(Databases, PostgresqlTests, testing::Values(Dialect::postgresql), dialect_name);

TEST_P(PostgresqlTests, LostConnectionsAreReplaced) {
  migrate(kFirstOnly);
  ASSERT_TRUE(insert(database(), "a"));
  test_cluster().disconnect_all();
  EXPECT_EQ(count(database()), 1);
  test_cluster().disconnect_all();
  EXPECT_TRUE(insert(database(), "b"));
}

TEST_P(PostgresqlTests, GoneForAWhileIsUnavailableAndThenGoesOn) {
  migrate(kFirstOnly);
  std::atomic<int> gaps{0}, heard{0};
  database().listen("things", [&](const std::string&) { ++heard; }, [&] { ++gaps; });
  ASSERT_TRUE(insert(database(), "a"));
  test_cluster().stop();
  const auto read = database().read([](soci::session& sql) { sql << "SELECT 1"; });
  const auto written = insert(database(), "b");
  test_cluster().start();
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, kUnavailable);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, kUnavailable);
  EXPECT_EQ(count(database()), 1);
  EXPECT_TRUE(insert(database(), "b"));
  EXPECT_TRUE(within_seconds([&] { return gaps > 0; }));
  EXPECT_TRUE(database().write([](Transaction& transaction) -> Result<void> {
    transaction.notify("things", "");
    return {};
  }));
  EXPECT_TRUE(within_seconds([&] { return heard == 1; }));
}

TEST_P(PostgresqlTests, NothingCommittedIsLostWhenItIsKilled) {
  migrate(kFirstOnly);
  int committed = 0;
  for (; committed < 20; ++committed) ASSERT_TRUE(insert(database(), std::to_string(committed)));
  test_cluster().stop(SIGKILL);
  test_cluster().start();
  EXPECT_EQ(count(database()), committed);
}

TEST_P(PostgresqlTests, DeadlocksAreRunAgain) {
  migrate(kFirstOnly);
  ASSERT_TRUE(insert(database(), "a"));
  ASSERT_TRUE(insert(database(), "b"));
  std::latch both(2);
  std::atomic<int> runs{0};
  const auto update = [&](const std::string first, const std::string second) {
    bool met = false;
    return database().write([&](Transaction& transaction) -> Result<void> {
      ++runs;
      transaction.sql() << "UPDATE thing SET data = '{}' WHERE name = :name", soci::use(first);
      if (!std::exchange(met, true)) both.arrive_and_wait();
      transaction.sql() << "UPDATE thing SET data = '{}' WHERE name = :name", soci::use(second);
      return {};
    });
  };
  bool other = false;
  std::thread thread([&] { other = update("a", "b").has_value(); });
  EXPECT_TRUE(update("b", "a"));
  thread.join();
  EXPECT_TRUE(other);
  EXPECT_GE(runs, 3);
}

TEST_P(PostgresqlTests, AListenerMayListenToMoreFromItsCallback) {
  // Shared, as what was told last may be heard when this function has returned.
  const auto heard = std::make_shared<std::atomic<int>>(0);
  database().listen("one",
                    [this, heard](const std::string&) {
                      database().listen("two", [heard](const std::string&) { ++*heard; }, {});
                      ++*heard;
                    },
                    {});
  const auto tell = [&](std::string channel) {
    return database().write([&](Transaction& transaction) -> Result<void> {
      transaction.notify(channel, "");
      return {};
    });
  };
  ASSERT_TRUE(tell("one"));
  ASSERT_TRUE(within_seconds([&] { return *heard == 1; }));
  EXPECT_TRUE(within_seconds([&] { return tell("two") && *heard > 1; }));
}

class SqliteTests : public DatabaseTest {};
INSTANTIATE_TEST_SUITE_P(Databases, SqliteTests, testing::Values(Dialect::sqlite), dialect_name);

TEST_P(SqliteTests, TheFileIsTheServersOwn) {
  migrate(kFirstOnly);
  for (const char* name : {"test.db", "test.db-wal", "test.db-shm"})
    EXPECT_EQ(std::filesystem::status(top / name).permissions(), std::filesystem::perms(0600)) << name;
}

TEST_P(SqliteTests, AnotherProcessThatWritesIsWaitedForAndThenUnavailable) {
  migrate(kFirstOnly);
  const auto other = open_another({.wait = std::chrono::milliseconds(50)});
  ASSERT_TRUE(database().write([&](Transaction& transaction) -> Result<void> {
    transaction.sql() << "INSERT INTO thing (name) VALUES ('a')";
    const auto busy = insert(*other, "b");
    EXPECT_TRUE(!busy && busy.error().code == kUnavailable);
    // Readers go on beside a writer.
    EXPECT_EQ(count(*other), 0);
    return {};
  }));
  EXPECT_TRUE(insert(*other, "b"));
}

TEST_P(SqliteTests, ReadersCannotWrite) {
  migrate(kFirstOnly);
  EXPECT_FALSE(database().read([](soci::session& sql) { sql << "INSERT INTO thing (name) VALUES ('a')"; }));
  EXPECT_EQ(count(database()), 0);
}

TEST(Database, UrlsThatAreNoneAreRefusedWithoutShowingThem) {
  for (const char* url : {"", "sqlite:", "mysql://root:secret@host/x", "postgresql://user:secret@[host/x", "/var/lib/x",
                          "sqlite:/nonexistent/secret/x.db"}) {
    const auto opened = open({.url = url});
    ASSERT_FALSE(opened) << url;
    EXPECT_THAT(opened.error().message, testing::Not(HasSubstr("secret"))) << url;
  }
}

TEST(Database, ANotYetReachablePostgresqlIsUnavailable) {
  const auto opened = open({.url = "postgresql://user:secret@%2Fnonexistent/x"});
  ASSERT_TRUE(opened);
  const auto read = (*opened)->read([](soci::session& sql) { sql << "SELECT 1"; });
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, kUnavailable);
  EXPECT_THAT(read.error().text(), testing::Not(HasSubstr("secret")));
}

TEST(Database, JsonIsMadeStorable) {
  EXPECT_EQ(storable_json(R"("\u0000")"), R"("\\x00")");
  EXPECT_EQ(storable_json(R"("\\u0000\n\\\u0000")"), R"("\\u0000\n\\\\x00")");
  EXPECT_EQ(storable_json("\\"), "\\");
}

}  // namespace
}  // namespace osprey::server::db
