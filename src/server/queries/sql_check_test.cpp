#include "server/queries/sql_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace osprey::server::queries {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(SqlCheck, TakesWhatAgentsCanRun) {
  const auto checked =
      check_sql("select pid, name as n from processes join users using (uid) where username = 'root';");
  ASSERT_TRUE(checked) << checked.error().text();
  EXPECT_THAT(checked->columns, ElementsAre("pid", "n"));
  EXPECT_THAT(checked->tables, ElementsAre("processes", "users"));
  EXPECT_TRUE(check_sql("select split(path, '/', 0) from file where path = '/etc/passwd' -- why"));
}

TEST(SqlCheck, NamesWhatIsWrong) {
  for (const auto& [sql, said] :
       {std::pair{"select pid from proceses", "processes"}, std::pair{"select nme from processes", "name"},
        std::pair{"select 1; select 2", "more than one"}, std::pair{" -- nothing", "nothing"},
        std::pair{"selekt", "syntax"}, std::pair{"attach 'x' as y", ""}, std::pair{"create table t (x)", ""}}) {
    const auto checked = check_sql(sql);
    ASSERT_FALSE(checked) << sql;
    EXPECT_THAT(checked.error().text(), HasSubstr(said));
  }
}

}  // namespace
}  // namespace osprey::server::queries
