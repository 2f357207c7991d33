#include "agent/config/auto_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <array>

#include "agent/tables/tables.h"
#include "base/temporary_tree.h"
#include "sql/connection.h"

namespace osprey::agent {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class AutoTablesTest : public TemporaryTree {
 protected:
  AutoTablesTest() { registry_.add(tables::entries()); }

  void database(const char* path, const char* sql) {
    fs::create_directories((top / path).parent_path());
    sqlite3* owner = nullptr;
    ASSERT_EQ(sqlite3_open((top / path).c_str(), &owner), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(owner, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(owner);
    sqlite3_close_v2(owner);
  }
  // Rows as "a|b|c".
  std::vector<std::string> query(std::string_view sql) {
    sql::Connection connection({.registry = &registry_, .root = root(), .extra_tables = made_.tables});
    connection.begin({});
    std::vector<std::string> rows;
    auto statement = connection.prepare(sql);
    if (!statement) return {"error: " + statement.error().message + statement.error().hint};
    for (;;) {
      const auto more = (*statement)->step();
      if (!more) return {"error: " + more.error().message};
      if (!*more) break;
      std::string row;
      for (std::size_t i = 0; i < (*statement)->size(); ++i) row += (i ? "|" : "") + std::string((*statement)->text(i));
      rows.push_back(row);
    }
    warnings_.clear();
    for (const auto& one : connection.warnings().list()) warnings_.push_back(one.error.text());
    return rows;
  }
  void declare(std::vector<protocol::AutoTable> tables, const Views& views = {}) {
    made_ = make_auto_tables(tables, registry_, views);
  }

  sql::Registry registry_;
  AutoTables made_;
  std::vector<std::string> warnings_;
};

TEST_F(AutoTablesTest, ColumnsByNameAndThePathLast) {
  database("app/a.db",
           "CREATE TABLE t(id INTEGER, x REAL, note); INSERT INTO t VALUES(1, 0.5, 'one'),(2, NULL, x'00ff')");
  declare({{.name = "app",
            .sql = "SELECT note, x, id, 7 AS more FROM t ORDER BY id",
            .path = "/app/a.db",
            .columns = {"id", "x", "missing", "note"},
            .platform = ""}});
  EXPECT_THAT(made_.notes, IsEmpty());
  EXPECT_THAT(query("SELECT * FROM app"),
              ElementsAre("1|0.5||one|/app/a.db", "2|||" + std::string("\0\xff", 2) + "|/app/a.db"));
  EXPECT_THAT(query("SELECT typeof(id), typeof(missing), typeof(x) FROM app WHERE id = '2'"),
              ElementsAre("text|text|text"));
  EXPECT_THAT(query("SELECT name || ':' || type FROM pragma_table_info('app')"),
              ElementsAre("id:TEXT", "x:TEXT", "missing:TEXT", "note:TEXT", "path:TEXT"));
  EXPECT_THAT(query("SELECT ida FROM app"), ElementsAre(HasSubstr("did you mean id?")));
  EXPECT_THAT(query("SELECT id FROM appp"), ElementsAre(HasSubstr("did you mean app?")));
}

TEST_F(AutoTablesTest, EveryFileThatThePathMatches) {
  for (const auto* user : {"home/ann/", "home/bob/"})
    database((std::string(user) + "h.db").c_str(), "CREATE TABLE t(a); INSERT INTO t VALUES('x')");
  write("home/cat/h.db", "this is none, and says so in more bytes than a header has: " + std::string(100, 'x'));
  write("home/ann/h.db-wal", "");
  for (const auto* pattern : {"/home/%/h.db", "/home/*/h.db%"}) {
    declare({{.name = "h", .sql = "SELECT a FROM t", .path = pattern, .columns = {"a"}, .platform = ""}});
    EXPECT_THAT(query("SELECT * FROM h"), ElementsAre("x|/home/ann/h.db", "x|/home/bob/h.db"));
    EXPECT_THAT(warnings_, ElementsAre("/home/cat/h.db: file is not a database"));
  }
  EXPECT_THAT(query("SELECT path FROM h WHERE path = '/home/bob/h.db'"), ElementsAre("/home/bob/h.db"));
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(AutoTablesTest, WhatIsWrongWithAFileIsAWarning) {
  database("a.db", "CREATE TABLE t(a)");
  fs::create_directory(top / "b.db");
  const auto warning_of = [&](const char* sql, const char* path) {
    declare({{.name = "t", .sql = sql, .path = path, .columns = {"a"}, .platform = ""}});
    EXPECT_THAT(query("SELECT * FROM t"), IsEmpty());
    return warnings_.empty() ? std::string() : warnings_[0];
  };
  EXPECT_EQ(warning_of("SELECT a FROM u", "/a.db"), "/a.db: no such table: u");
  EXPECT_THAT(warning_of("DELETE FROM t", "/a.db"), HasSubstr("not authorized"));
  EXPECT_THAT(warning_of("WITH RECURSIVE n(a) AS (SELECT 1 UNION ALL SELECT a FROM n) SELECT a FROM n", "/a.db"),
              HasSubstr("more than 32 MiB"));
  EXPECT_THAT(warning_of("SELECT a FROM t", "/b.db"), HasSubstr("/b.db"));
  EXPECT_EQ(warning_of("SELECT a FROM t", "/none.db"), "");
}

TEST_F(AutoTablesTest, ViewsOfTheDatabaseAreReadAndTheirFunctionsNotTrusted) {
  database("a.db",
           "CREATE TABLE t(a); INSERT INTO t VALUES('x'); CREATE VIEW v AS SELECT upper(a) AS a FROM t;"
           "CREATE VIEW evil AS SELECT load_extension('/tmp/x.so') AS a");
  declare({{.name = "evil", .sql = "SELECT a FROM evil", .path = "/a.db", .columns = {"a"}, .platform = ""}});
  EXPECT_THAT(query("SELECT a FROM evil"), IsEmpty());
  EXPECT_EQ(warnings_.size(), 1U);
  declare({{.name = "v", .sql = "SELECT a FROM v", .path = "/a.db", .columns = {"a"}, .platform = ""}});
  EXPECT_THAT(query("SELECT a FROM v"), ElementsAre("X"));
}

TEST_F(AutoTablesTest, NamesThatAreTaken) {
  protocol::AutoTable table{.name = "Osquery_Info", .sql = "SELECT 1", .path = "/x", .columns = {"a"}, .platform = ""};
  const std::array<std::string, 5> names = {"Osquery_Info", "my_view", "sqlite_x", "", "twice"};
  std::vector<protocol::AutoTable> declared;
  for (const auto& name : names) {
    table.name = name;
    declared.push_back(table);
  }
  table.name = "TWICE";
  declared.push_back(table);
  declare(declared, {{"My_View", "SELECT 1"}});
  ASSERT_EQ(made_.tables.size(), 1U);
  EXPECT_EQ(made_.tables[0]->name, "twice");
  ASSERT_EQ(made_.notes.size(), 5U);
  EXPECT_EQ(made_.notes[0].where, "auto_table_construction: Osquery_Info");
  EXPECT_EQ(made_.notes[0].text, "refused: a table of the program has this name");
  EXPECT_EQ(made_.notes[1].text, "refused: a view of the configuration has this name");
}

TEST_F(AutoTablesTest, ColumnsThatAreNone) {
  database("a.db", "CREATE TABLE t(a); INSERT INTO t VALUES('x')");
  declare({{.name = "t",
            .sql = "SELECT a, 'mine' AS path FROM t",
            .path = "/a.db",
            .columns = {"a", "Path", "A", "", "b`) --"},
            .platform = ""}});
  EXPECT_THAT(query("SELECT * FROM t"), ElementsAre("x|/a.db"));
  EXPECT_EQ(made_.notes.size(), 4U);
}

}  // namespace
}  // namespace osprey::agent
