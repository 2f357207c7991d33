#include "agent/schedule/query_statistics.h"

#include <gtest/gtest.h>

namespace osprey::agent {
namespace {

TEST(QueryStatistics, SumsAndTheMeanOfMemory) {
  QueryStatistics statistics;
  statistics.add({1000, 200, 30, 1 << 20}, 5, 100);
  statistics.add({3000, 400, 50, 3 << 20}, 7, 200);
  EXPECT_EQ(statistics.executions, 2u);
  EXPECT_EQ(statistics.last_executed, 200);
  EXPECT_EQ(statistics.output_size, 12u);
  EXPECT_EQ(statistics.total, (QueryCost{4000, 600, 80, 2 << 20}));
  EXPECT_EQ(statistics.last, (QueryCost{3000, 400, 50, 3 << 20}));
}

TEST(QueryStatistics, KeptWithTheSqlTheyAreOf) {
  QueryStatistics statistics;
  statistics.add({1000, 200, 30, 1 << 20}, 5, 1'800'000'000);
  const std::string sql = "SELECT 1\n-- of two lines";
  const auto bytes = encode(statistics, sql);
  EXPECT_EQ(decode_statistics(bytes, sql), statistics);
  EXPECT_FALSE(other_sql(bytes, sql));
  EXPECT_EQ(decode_statistics(bytes, "SELECT 2"), QueryStatistics{});
  EXPECT_TRUE(other_sql(bytes, "SELECT 2"));
  for (const auto* junk : {"", "\n", "x y z\nSELECT 1", "1 2 3"})
    EXPECT_EQ(decode_statistics(junk, "SELECT 1").total, QueryCost{});
}

}  // namespace
}  // namespace osprey::agent
