#include "sql/memory.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <thread>

#include "sql/connection.h"

namespace osprey::sql {
namespace {

class MemoryBudgetTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    sqlite3_shutdown();  // other tests have used it
    ASSERT_TRUE(account_for_memory());
    ASSERT_TRUE(account_for_memory()) << "a second time changes nothing";
  }
  // SQLite's result code of a query's first step.
  static int run(Connection& connection, std::string_view sql) {
    connection.begin({});
    auto statement = connection.prepare(sql);
    if (!statement) return statement.error().code;
    const auto row = (*statement)->step();
    return row ? SQLITE_OK : row.error().code;
  }

  Registry registry_;
};

TEST_F(MemoryBudgetTest, PeakIsWhatTheQueryMadeSqliteHold) {
  Connection connection({.registry = &registry_});
  {
    const MemoryBudget budget(std::nullopt);
    EXPECT_EQ(run(connection, "SELECT length(randomblob(10000000))"), SQLITE_OK);
    EXPECT_GE(budget.peak(), 10'000'000u);
    EXPECT_LT(budget.peak(), 10'200'000u);
  }
  const MemoryBudget budget(std::nullopt);
  EXPECT_EQ(run(connection, "SELECT 1"), SQLITE_OK);
  EXPECT_LT(budget.peak(), 100'000u) << "what came before does not count";
}

TEST_F(MemoryBudgetTest, BeyondItTheQueryFailsAndTheNextRuns) {
  Connection connection({.registry = &registry_});
  {
    const MemoryBudget budget(1 << 20);
    EXPECT_EQ(run(connection, "SELECT length(randomblob(2000000))"), SQLITE_NOMEM);
    EXPECT_TRUE(budget.exceeded());
    EXPECT_LE(budget.peak(), 1u << 20);
    EXPECT_EQ(run(connection, "SELECT 1"), SQLITE_OK);
  }
  EXPECT_EQ(run(connection, "SELECT length(randomblob(2000000))"), SQLITE_OK);
}

TEST_F(MemoryBudgetTest, ThreadsHaveTheirOwn) {
  Connection connection({.registry = &registry_});
  const MemoryBudget budget(1 << 20);
  std::thread([&] {
    Connection other({.registry = &registry_});
    EXPECT_EQ(run(other, "SELECT length(randomblob(5000000))"), SQLITE_OK);
  }).join();
  EXPECT_FALSE(budget.exceeded());
  EXPECT_EQ(run(connection, "SELECT 1"), SQLITE_OK);
}

}  // namespace
}  // namespace osprey::sql
