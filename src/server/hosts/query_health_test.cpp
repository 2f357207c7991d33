#include "server/hosts/query_health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/hosts/detail_queries.h"
#include "server/queries/sql_check.h"

namespace osprey::server::hosts {
namespace {

Row row(std::string name, Row columns) {
  Row made{{"name", std::move(name)}, {"interval", "60"},     {"executions", "10"}, {"last_executed", "99990"},
           {"denylisted", "0"},       {"start_time", "5000"}, {"now", "100000"}};
  for (auto& [column, value] : columns) made.insert_or_assign(column, value);
  return made;
}

std::string trouble(Row columns) {
  const auto troubles = troubles_in({row("q", std::move(columns))});
  if (troubles.empty()) return "";
  return std::string(troubles[0].denylisted ? "d" : "") + (troubles[0].overdue ? "o" : "") +
         (troubles[0].expensive ? "e" : "");
}

TEST(QueryHealth, TellsTroubleByTheHostsOwnClock) {
  EXPECT_EQ(trouble({}), "");
  EXPECT_EQ(trouble({{"denylisted", "1"}, {"last_executed", "6000"}}), "d") << "why it does not run is known";
  EXPECT_EQ(trouble({{"last_executed", "98000"}}), "o");
  EXPECT_EQ(trouble({{"last_executed", "0"}}), "o");
  EXPECT_EQ(trouble({{"last_executed", "0"}, {"start_time", "99900"}}), "") << "it has just started";
  EXPECT_EQ(trouble({{"last_executed", "98000"}, {"interval", "86400"}}), "");
  EXPECT_EQ(trouble({{"last_executed", "200000"}}), "") << "the host's clock was set back";
  EXPECT_EQ(trouble({{"wall_time", "100"}}), "e");
  EXPECT_EQ(trouble({{"wall_time", "99"}}), "") << "9.9 seconds a run";
  EXPECT_EQ(trouble({{"user_time", "90000"}, {"system_time", "20000"}}), "e");
  EXPECT_EQ(trouble({{"average_memory", "104857600"}}), "e");
}

TEST(QueryHealth, TakesAnyNumbersAndEachNameOnce) {
  for (const auto* number : {"", "x", "-1", "9223372036854775807", "99999999999999999999", "1e9"})
    for (const auto* column :
         {"interval", "executions", "last_executed", "wall_time", "user_time", "now", "start_time"})
      trouble({{column, number}});
  EXPECT_EQ(troubles_in({row("a", {{"denylisted", "1"}}), row("b", {}), row("a", {{"denylisted", "1"}}), {}}).size(),
            1U);
}

TEST(DetailQueries, RunOnOurAgents) {
  for (const auto& query : detail_queries()) {
    for (const auto sql : {query.sql, query.discovery}) {
      if (sql.empty()) continue;
      const auto checked = queries::check_sql(sql);
      EXPECT_TRUE(checked) << query.name << ": " << (checked ? "" : checked.error().text());
    }
  }
}

}  // namespace
}  // namespace osprey::server::hosts
