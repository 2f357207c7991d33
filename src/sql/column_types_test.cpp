// The recorded cases (tests/compat/shell/cases.jsonl, stdin/types/NN) on a table like users.
#include "sql/column_types.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace osprey::sql {
namespace {

struct User {
  std::int64_t uid = 0;
  std::string username;
};

Rows<User> scan(const Scan&) {
  User user{0, "root"};
  co_yield user;
}

Table users() {
  return table("users", "Users.", scan)
      .column("uid", BIGINT, &User::uid, "User id.", INDEX)
      .column("username", TEXT, &User::username, "Name.");
}
constexpr TableEntry kEntries[] = {{"users", users}};

struct Case {
  const char* sql;
  std::vector<std::string> types;
};

class ColumnTypes : public testing::TestWithParam<Case> {};

TEST_P(ColumnTypes, AsRecorded) {
  Registry registry;
  registry.add(kEntries);
  Connection connection({.registry = &registry});
  connection.begin({});
  std::string_view sql = "create table t1(a int, b text)";
  ASSERT_TRUE((*connection.prepare(sql))->step());
  sql = GetParam().sql;
  const auto statement = connection.prepare(sql);
  ASSERT_TRUE(statement) << statement.error().message;
  EXPECT_EQ(column_types(connection, **statement), GetParam().types) << GetParam().sql;
}

INSTANTIATE_TEST_SUITE_P(
    Recorded, ColumnTypes,
    testing::Values(
        Case{"select 1", {"INTEGER"}}, Case{"select 1+1 as a", {"BIGINT"}}, Case{"select 'x'", {"TEXT"}},
        Case{"select 'a'||'b'", {"TEXT"}}, Case{"select 1.5", {"UNKNOWN"}}, Case{"select 1.0+1", {"BIGINT"}},
        Case{"select uid from users", {"BIGINT"}}, Case{"select uid+1 from users", {"BIGINT"}},
        Case{"select count(*) from users", {"BIGINT"}},
        Case{"select max(uid), min(username), avg(uid), sum(uid), total(uid), group_concat(username) from users",
             {"BIGINT", "BIGINT", "BIGINT", "BIGINT", "BIGINT", "BIGINT"}},
        Case{"select cast(uid as text), cast(username as integer), cast(1 as real), cast('x' as blob) from users",
             {"TEXT", "BIGINT", "DOUBLE", "BLOB"}},
        Case{"select uid=1, uid>1, not uid, uid is null, username like 'x', uid in (1,2), uid between 1 and 2, "
             "exists(select 1) from users",
             {"INTEGER", "INTEGER", "INTEGER", "INTEGER", "UNKNOWN", "INTEGER", "INTEGER", "INTEGER"}},
        Case{"select case when uid=1 then 'a' else 'b' end from users", {"TEXT"}},
        Case{"select coalesce(username,'x'), ifnull(uid,1), nullif(uid,1) from users", {"TEXT", "INTEGER", "UNKNOWN"}},
        Case{"select null, x'00', -1, -uid, ~uid from users", {"UNKNOWN", "UNKNOWN", "INTEGER", "BIGINT", "UNKNOWN"}},
        Case{"select * from (select uid as x, username||'' as y from users)", {"BIGINT", "TEXT"}},
        Case{"select length('x'), md5('x')", {"UNKNOWN", "UNKNOWN"}},
        Case{"select uid from users union select uid from users", {"BIGINT"}},
        Case{"with t as (select uid from users) select * from t", {"BIGINT"}},
        Case{"select uid&1, uid|1, uid<<1, uid%2, uid/2, uid*1.5 from users",
             {"BIGINT", "BIGINT", "BIGINT", "BIGINT", "BIGINT", "BIGINT"}},
        Case{"select datetime('now')", {"UNKNOWN"}}, Case{"select json_extract('{\"a\":1}','$.a')", {"UNKNOWN"}},
        Case{"select row_number() over () from users", {"UNKNOWN"}},
        Case{"select uid, * from users", {"BIGINT", "BIGINT", "TEXT"}}, Case{"select * from t1", {"UNKNOWN", "TEXT"}}));

}  // namespace
}  // namespace osprey::sql
