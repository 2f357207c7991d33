#include "server/activity/activity.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <soci/soci.h>

#include <thread>

#include "server/activity/entries.h"
#include "server/db/test_database.h"

namespace osprey::server::activity {
namespace {

using testing::HasSubstr;

class ActivityTest : public db::DatabaseTest {
 protected:
  ActivityTest() { migrate(schema()); }

  Result<void> act(const Act& what, std::int64_t who = 1, std::int64_t at = 1'800'000'000'000) {
    return database().write([&](db::Transaction& transaction) -> Result<void> {
      record(transaction, {.administrator = who, .name = "ada", .address = "192.0.2.1"}, {at}, what);
      return {};
    });
  }
  std::vector<Entry> found(const Filter& filter, std::int64_t before = INT64_MAX, std::int64_t limit = 100) {
    return *database().read([&](soci::session& sql) { return list(sql, filter, before, limit); });
  }
  Result<void> run(const std::string& statement) {
    return database().write([&](db::Transaction& transaction) -> Result<void> {
      transaction.sql() << statement;
      return {};
    });
  }
  // As somebody does who has the database's password.
  void tamper(const std::string& statement) {
    if (GetParam() == db::Dialect::sqlite) {
      ASSERT_TRUE(run("DROP TRIGGER activity_update"));
      ASSERT_TRUE(run("DROP TRIGGER activity_delete"));
    } else {
      ASSERT_TRUE(run("ALTER TABLE activity DISABLE TRIGGER ALL"));
    }
    const auto done = run(statement);
    ASSERT_TRUE(done) << done.error().text();
  }
};
INSTANTIATE_TEST_SUITE_P(Databases, ActivityTest, db::both_dialects(), db::dialect_name);

TEST_P(ActivityTest, NothingOfItCanBeChanged) {
  ASSERT_TRUE(act({"tag.created", "tag 1 «web»", {}}));
  for (const auto* statement : {"UPDATE activity SET verb = 'x'", "DELETE FROM activity", "DELETE FROM activity_head"})
    EXPECT_FALSE(run(statement)) << statement;
  if (GetParam() == db::Dialect::postgresql) {
    EXPECT_FALSE(run("TRUNCATE activity"));
  }
  EXPECT_EQ(found({}).size(), 1U);
}

TEST_P(ActivityTest, AnActThatIsRolledBackIsNotRecorded) {
  EXPECT_FALSE(database().write([&](db::Transaction& transaction) -> Result<void> {
    record(transaction, {}, {1}, {"tag.created", "tag 1", {}});
    return failure("tag", "no");
  }));
  ASSERT_TRUE(act({"tag.created", "tag 2", {}}));
  const auto entries = found({});
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].id, 1);
  EXPECT_TRUE(verify(database())->intact);
}

TEST_P(ActivityTest, IsFoundByWhoWhatWhereAndWhen) {
  ASSERT_TRUE(act({"tag.created", "tag 1 «100%»", {{"rule", "x"}}}, 1, 1000));
  ASSERT_TRUE(act({"tag.removed", "tag 1 «100%»", {}}, 2, 2000));
  ASSERT_TRUE(act({"tags.moved", "tag 2 «1000»", {}}, 1, 3000));
  EXPECT_EQ(found({.administrator = 2}).size(), 1U);
  EXPECT_EQ(found({.verb = "tag"}).size(), 2U);
  EXPECT_EQ(found({.verb = "tag.created"}).size(), 1U);
  EXPECT_EQ(found({.subject = "100%"}).size(), 2U);
  EXPECT_EQ(found({.subject = "' OR 1=1 --"}).size(), 0U);
  EXPECT_EQ(found({.since = Timestamp{2000}, .until = Timestamp{2000}}).size(), 1U);
  EXPECT_EQ(found({.administrator = 1, .verb = "tag", .subject = "tag", .since = Timestamp{0}}).size(), 1U);
  const auto page = found({}, INT64_MAX, 2);
  ASSERT_EQ(page.size(), 2U);
  EXPECT_EQ(page[0].id, 3);
  EXPECT_EQ(found({}, page[1].id, 2).at(0).details.at("rule").as_string(), "x");
}

TEST_P(ActivityTest, HashesChainOverMoreThanAStep) {
  ASSERT_TRUE(database().write([&](db::Transaction& transaction) -> Result<void> {
    for (int i = 0; i < 1500; ++i)
      record(transaction, {.name = "ж\xff\0"}, {i},
             {"a.b", std::string("\0<script>", 9), {{"n", i}, {"text", "\xfe"}}});
    return {};
  }));
  const auto verified = verify(database());
  ASSERT_TRUE(verified);
  EXPECT_TRUE(verified->intact);
  EXPECT_EQ(verified->entries, 1500);
  EXPECT_EQ(verified->hash, found({}, INT64_MAX, 1).at(0).hash);
}

TEST_P(ActivityTest, WritersTakeTurns) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      for (int j = 0; j < 10; ++j) EXPECT_TRUE(act({"a.b", fmt::format("{} {}", i, j), {}}));
    });
  for (auto& thread : threads) thread.join();
  const auto verified = verify(database());
  EXPECT_TRUE(verified->intact);
  EXPECT_EQ(verified->entries, 40);
}

TEST_P(ActivityTest, WhatIsChangedShows) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(act({"a.b", std::to_string(i), {}}));
  tamper("UPDATE activity SET subject = 'x' WHERE id = 3");
  const auto verified = verify(database());
  EXPECT_FALSE(verified->intact);
  EXPECT_EQ(verified->broken_at, 3);
}

TEST_P(ActivityTest, WhatIsTakenOutShows) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(act({"a.b", std::to_string(i), {}}));
  tamper("DELETE FROM activity WHERE id = 2");
  EXPECT_EQ(verify(database())->broken_at, 2);
  ASSERT_TRUE(run("DELETE FROM activity WHERE id > 0"));
  EXPECT_EQ(verify(database())->broken_at, 1);
}

TEST_P(ActivityTest, WhatIsCutOffAtTheEndShows) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(act({"a.b", std::to_string(i), {}}));
  tamper("DELETE FROM activity WHERE id = 5");
  EXPECT_EQ(verify(database())->broken_at, 5);
}

}  // namespace
}  // namespace osprey::server::activity
