#include "sql/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "sql/virtual_table.h"

namespace osprey::sql {
namespace {

// A table that counts what is asked of it.
struct Counters {
  int scans = 0;
  int rows = 0;
  int names_read = 0;
};
Counters counters;

struct Number {
  std::int64_t value = 0;
  std::int64_t id() const { return value; }
  std::string name() const {
    ++counters.names_read;
    return "n" + std::to_string(value);
  }
  std::optional<std::int64_t> half() const { return value % 2 ? std::nullopt : std::optional(value / 2); }
  Result<std::string> secret() const { return system_failure(EACCES, "/secret"); }
};

Rows<Number> scan_numbers(const Scan& scan) {
  ++counters.scans;
  const auto all = [] {
    std::vector<std::int64_t> ids(100);
    for (std::int64_t i = 0; i < 100; ++i) ids[static_cast<std::size_t>(i)] = i;
    return ids;
  };
  for (const auto id : scan.keys<std::int64_t>("id", all)) {
    if (id < 0 || id > 99) continue;
    ++counters.rows;
    Number number{id};
    co_yield number;
  }
}

Table numbers() {
  return table("numbers", "Whole numbers.", scan_numbers)
      .column("id", BIGINT, &Number::id, "The number.", INDEX)
      .column("name", TEXT, &Number::name, "Its name.")
      .column("half", BIGINT, &Number::half, "Half of it.")
      .column("secret", TEXT, &Number::secret, "Nobody may read it.", HIDDEN)
      .alias("integers");
}

// Two keys, neither of which is one row's alone: 0 to 3 each, twice.
struct Pair {
  std::int64_t value = 0;
  std::int64_t left() const { return value / 2 % 4; }
  std::optional<std::int64_t> right() const { return value >= 16 ? std::nullopt : std::optional(value / 8); }
  std::int64_t place() const { return value; }
};

Rows<Pair> scan_pairs(const Scan& scan) {
  const auto lefts = scan.integers("left"), rights = scan.integers("right");
  ++counters.scans;
  const auto has = [](const auto& asked, std::optional<std::int64_t> value) {
    return !asked || (value && std::ranges::find(*asked, *value) != asked->end());
  };
  for (std::int64_t value = 0; value < 24; ++value) {
    Pair pair{value};
    if (has(lefts, pair.left()) && has(rights, pair.right())) co_yield pair;
  }
}

Table pairs() {
  return table("pairs", "Pairs of numbers.", scan_pairs)
      .column("left", BIGINT, &Pair::left, "The first.", INDEX)
      .column("right", BIGINT, &Pair::right, "The second.", INDEX)
      .column("place", BIGINT, &Pair::place, "Where it is.");
}

Rows<Number> scan_endless(const Scan& scan) {
  for (std::int64_t i = 0; !scan.interrupted(); ++i) {
    Number number{i};
    co_yield number;
  }
}

Table endless() {
  return table("endless", "No end of numbers.", scan_endless).column("id", BIGINT, &Number::id, "The number.");
}

struct Word {
  std::string text;
};

Rows<Word> scan_words(const Scan& scan) {
  const auto asked = scan.texts("word");
  if (!asked) co_return;
  for (const auto& text : *asked) {
    Word word{text};
    co_yield word;
  }
}

Table words() {
  return table("words", "The words asked for.", scan_words)
      .column("word", TEXT, &Word::text, "The word.", INDEX | REQUIRED)
      .example("SELECT * FROM words WHERE word = 'osprey'");
}

Rows<Word> scan_throws(const Scan&) {
  Word word{"first"};
  co_yield word;
  throw std::runtime_error("broken");
}

Table throws() { return table("throws", "Throws.", scan_throws).column("word", TEXT, &Word::text, "A word."); }

// What a scan is told: one row about itself.
struct Told {
  std::int64_t id = 1;
  std::int64_t kind = 2;
  std::int64_t kinds_asked = 0;
};

bool last_wanted_more_than_id;

Rows<Told> scan_told(const Scan& scan) {
  Told told;
  if (const auto kinds = scan.integers("kind")) told.kinds_asked = static_cast<std::int64_t>(kinds->size());
  last_wanted_more_than_id = scan.wants_other_than("id");
  co_yield told;
}

Table told() {
  return table("told", "What a scan is told.", scan_told)
      .column("id", BIGINT, &Told::id, "Always 1.", INDEX)
      .column("kind", BIGINT, &Told::kind, "Always 2.", PASSED)
      .column("kinds_asked", BIGINT, &Told::kinds_asked, "How many values kind may have.");
}

constexpr TableEntry kEntries[] = {{"numbers", numbers}, {"pairs", pairs},   {"endless", endless},
                                   {"words", words},     {"throws", throws}, {"told", told}};

class ConnectionTest : public testing::Test {
 protected:
  ConnectionTest() {
    registry.add(kEntries);
    connection = std::make_unique<Connection>(ConnectionOptions{.registry = &registry});
    counters = {};
  }

  // The rows as "a|b" lines.
  QueryResult<std::vector<std::string>> run(std::string_view sql, QueryLimits limits = {}) {
    connection->begin(limits);
    std::vector<std::string> rows;
    for (;;) {
      auto statement = connection->prepare(sql);
      if (!statement) return std::unexpected(statement.error());
      if (!*statement) return rows;
      for (;;) {
        const auto row = (*statement)->step();
        if (!row) return std::unexpected(row.error());
        if (!*row) break;
        std::string line;
        for (std::size_t i = 0; i < (*statement)->size(); ++i) {
          if (i) line += '|';
          line += (*statement)->type(i) == ValueType::null ? "NULL" : std::string((*statement)->text(i));
        }
        rows.push_back(line);
      }
    }
  }
  std::vector<std::string> rows(std::string_view sql) {
    auto result = run(sql);
    EXPECT_TRUE(result) << result.error().message;
    return result.value_or(std::vector<std::string>{});
  }

  Registry registry;
  std::unique_ptr<Connection> connection;
};

TEST_F(ConnectionTest, OnlyTheColumnsAskedForAreRead) {
  EXPECT_EQ(rows("SELECT id FROM numbers").size(), 100u);
  EXPECT_EQ(counters.names_read, 0);
}

TEST_F(ConnectionTest, KeysArePushedDown) {
  EXPECT_EQ(rows("SELECT name FROM numbers WHERE id = 7"), (std::vector<std::string>{"n7"}));
  EXPECT_EQ(counters.rows, 1);
}

TEST_F(ConnectionTest, InListsArriveWholeAndWithoutRepeats) {
  EXPECT_EQ(rows("SELECT id FROM numbers WHERE id IN (5, 3, 5, 3, 200)"), (std::vector<std::string>{"3", "5"}));
  EXPECT_EQ(counters.scans, 1);
  EXPECT_EQ(counters.rows, 2);
}

TEST_F(ConnectionTest, TwoConditionsOnOneKeyMeet) {
  EXPECT_EQ(rows("SELECT id FROM numbers WHERE id IN (1, 2, 3) AND id IN (3, 4)"), (std::vector<std::string>{"3"}));
  EXPECT_EQ(counters.rows, 1);
}

TEST_F(ConnectionTest, EqualToNullMatchesNothingAndReadsNothing) {
  EXPECT_TRUE(rows("SELECT id FROM numbers WHERE id = NULL").empty());
  EXPECT_EQ(counters.rows, 0);
}

TEST_F(ConnectionTest, JoinsVisitTheIndexedSide) {
  EXPECT_EQ(rows("WITH wanted(x) AS (VALUES (4), (9)) SELECT name FROM wanted JOIN numbers ON id = x"),
            (std::vector<std::string>{"n4", "n9"}));
  EXPECT_EQ(counters.rows, 2);
}

TEST_F(ConnectionTest, OrOnAKeyIsTwoLookUps) {
  EXPECT_EQ(rows("SELECT id FROM numbers WHERE id = 1 OR id = 2").size(), 2u);
  EXPECT_EQ(counters.rows, 2);
}

TEST_F(ConnectionTest, OrOnTwoKeysHasEachRowOnce) {
  const auto scans = counters.scans;
  EXPECT_EQ(rows("SELECT place FROM pairs WHERE left = 1 OR right = 1 ORDER BY place"),
            (std::vector<std::string>{"2", "3", "8", "9", "10", "11", "12", "13", "14", "15", "18", "19"}));
  EXPECT_EQ(counters.scans, scans + 2);
}

// A key says what is looked at, not that a row has it alone or that it is not NULL.
TEST_F(ConnectionTest, KeysAreNeitherUniqueNorAlwaysThere) {
  EXPECT_EQ(rows("SELECT DISTINCT left FROM pairs ORDER BY left"), (std::vector<std::string>{"0", "1", "2", "3"}));
  EXPECT_EQ(rows("SELECT DISTINCT right FROM pairs WHERE left = 1 AND right = 1"), (std::vector<std::string>{"1"}));
  EXPECT_EQ(rows("SELECT count(*) FROM pairs WHERE right IS NULL"), (std::vector<std::string>{"8"}));
  EXPECT_EQ(rows("SELECT count(*) FROM pairs WHERE right IS NOT NULL"), (std::vector<std::string>{"16"}));
}

TEST_F(ConnectionTest, PassedColumnsTellTheirConstraintsAndAreNoKeys) {
  EXPECT_EQ(rows("SELECT kinds_asked FROM told"), (std::vector<std::string>{"0"}));
  EXPECT_EQ(rows("SELECT kinds_asked FROM told WHERE kind IN (2, 5, 7)"), (std::vector<std::string>{"3"}));
  EXPECT_EQ(declaration(told(), "told"),
            "CREATE TABLE told(`id` BIGINT, `kind` BIGINT, `kinds_asked` BIGINT, PRIMARY KEY (`id`)) WITHOUT ROWID");
}

TEST_F(ConnectionTest, ScansKnowThatOnlyTheKeyIsRead) {
  rows("SELECT id FROM told");
  EXPECT_FALSE(last_wanted_more_than_id);
  rows("SELECT count(*) FROM told");
  EXPECT_FALSE(last_wanted_more_than_id);
  rows("SELECT id FROM told WHERE kinds_asked = 0");
  EXPECT_TRUE(last_wanted_more_than_id);
}

TEST_F(ConnectionTest, WhatAStatementMayReadIsKnownWithoutRunningIt) {
  rows("CREATE VIEW both AS SELECT id, name AS called FROM numbers");
  std::set<std::string> names;  // that the rows whose ids are read have; "": any
  connection->on_planned_read([&](const PlannedRead& read) {
    if (read.table.name != "numbers" || !read.uses("id")) return;
    if (read.constants.empty()) names.emplace();
    for (const auto& [column, value] : read.constants) names.insert(std::string(column) + value);
  });
  const auto reads = [&](std::string_view sql) {
    names.clear();
    EXPECT_TRUE(connection->prepare(sql));
    return std::vector<std::string>(names.begin(), names.end());
  };
  using Names = std::vector<std::string>;
  const Names nothing, all = {""}, nine = {"namen9"};
  EXPECT_EQ(reads("SELECT name, half FROM numbers"), nothing);
  EXPECT_EQ(reads("SELECT count(*) FROM numbers"), nothing);
  EXPECT_EQ(reads("SELECT * FROM numbers"), all);
  EXPECT_EQ(reads("SELECT name FROM numbers ORDER BY id"), all);
  EXPECT_EQ(reads("SELECT half FROM numbers NATURAL JOIN told"), all);
  EXPECT_EQ(reads("SELECT t.id FROM numbers n JOIN told t"), nothing);
  EXPECT_EQ(reads("SELECT called FROM both"), nothing);
  EXPECT_EQ(reads("SELECT id FROM both WHERE called = 'n9'"), nine);
  EXPECT_EQ(reads("SELECT id FROM numbers WHERE name = 'n9' AND half > 3"), nine);
  EXPECT_EQ(reads("SELECT id FROM numbers WHERE 'n9' = name AND half IN (1, 3)"), nine);
  EXPECT_EQ(reads("SELECT (SELECT max(id) FROM numbers WHERE name = 'n9') FROM numbers"), nine);
  EXPECT_EQ(reads("SELECT id FROM numbers WHERE name = 'n9' UNION SELECT id FROM numbers WHERE name = 'n7'"),
            (Names{"namen7", "namen9"}));
  for (const auto* any :
       {"name = 'n9' OR half > 3", "name = 'n9' AND (half > 3 OR half < 1)", "name <> 'n9'", "NOT name = 'n9'",
        "name = 'N9' COLLATE NOCASE", "name = lower('N' || half)", "name IS NULL", "name LIKE 'n9'"})
    EXPECT_THAT(reads(std::string("SELECT id FROM numbers WHERE ") + any), testing::Contains("")) << any;
}

TEST_F(ConnectionTest, LimitStopsTheScan) { EXPECT_EQ(rows("SELECT id FROM endless LIMIT 3").size(), 3u); }

TEST_F(ConnectionTest, EmptyOptionalIsNull) {
  EXPECT_EQ(rows("SELECT half FROM numbers WHERE id IN (4, 5)"), (std::vector<std::string>{"2", "NULL"}));
}

TEST_F(ConnectionTest, WhatCouldNotBeLookedAtIsNullAndAWarning) {
  EXPECT_EQ(rows("SELECT secret FROM numbers WHERE id IN (4, 5)"), (std::vector<std::string>{"NULL", "NULL"}));
  ASSERT_EQ(connection->warnings().list().size(), 1u);
  EXPECT_EQ(connection->warnings().list()[0].table, "numbers");
  EXPECT_EQ(connection->warnings().list()[0].error.text(), "/secret: Permission denied");
}

TEST_F(ConnectionTest, HiddenColumnsAreNotInStar) {
  EXPECT_EQ(rows("SELECT * FROM numbers WHERE id = 4"), (std::vector<std::string>{"4|n4|2"}));
}

TEST_F(ConnectionTest, TableAlias) {
  EXPECT_EQ(rows("SELECT count(*) FROM integers"), (std::vector<std::string>{"100"}));
}

TEST_F(ConnectionTest, RequiredColumnIsNamedWithAnExample) {
  const auto result = run("SELECT * FROM words");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, 19);
  EXPECT_EQ(result.error().message,
            "table words needs a constraint on word, for example: SELECT * FROM words WHERE word = 'osprey'");
}

TEST_F(ConnectionTest, RequiredColumnFromAJoin) {
  EXPECT_EQ(rows("SELECT word FROM words JOIN numbers ON word = name WHERE id = 8"), (std::vector<std::string>{"n8"}));
}

TEST_F(ConnectionTest, NearestNames) {
  EXPECT_EQ(run("SELECT * FROM nubmers").error().hint, "did you mean numbers?");
  EXPECT_EQ(run("SELECT nmae FROM numbers").error().hint, "did you mean name?");
  EXPECT_EQ(run("SELECT lowr('A')").error().hint, "did you mean lower()?");
}

TEST_F(ConnectionTest, DeadlineEndsAnEndlessScan) {
  const auto result = run("SELECT count(*) FROM endless", {.time = std::chrono::milliseconds(30)});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "the query exceeded its time limit of 30 ms");
}

TEST_F(ConnectionTest, DeadlineEndsWorkThatReadsNoTable) {
  EXPECT_FALSE(run("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c",
                   {.time = std::chrono::milliseconds(30)}));
}

TEST_F(ConnectionTest, CancelFromAnotherThread) {
  std::thread canceller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    connection->interrupt();
  });
  const auto result = run("SELECT count(*) FROM endless");
  canceller.join();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "interrupted");
  EXPECT_EQ(rows("SELECT 1").size(), 1u) << "the next query starts afresh";
}

TEST_F(ConnectionTest, RowLimit) {
  const auto result = run("SELECT id FROM endless", {.rows = 10});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "the query exceeded its limit of 10 rows");
}

TEST_F(ConnectionTest, ExceptionsBecomeErrors) {
  const auto result = run("SELECT * FROM throws");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "table throws: broken");
}

TEST_F(ConnectionTest, HiddenTables) {
  Connection fewer({.registry = &registry, .hidden_tables = {"numbers"}});
  std::string_view sql = "SELECT * FROM numbers";
  EXPECT_FALSE(fewer.prepare(sql));
}

TEST_F(ConnectionTest, ViewsOverTables) {
  EXPECT_EQ(rows("CREATE VIEW small AS SELECT id FROM numbers WHERE id < 2; SELECT * FROM small").size(), 2u);
}

TEST_F(ConnectionTest, FunctionsThatLoadCodeAreRefused) {
  EXPECT_EQ(run("SELECT load_extension('x')").error().message, "not authorized to use function: load_extension");
}

TEST_F(ConnectionTest, WhatWasRefusedIsKnown) {
  EXPECT_FALSE(run("ATTACH '/tmp/x.db' AS x"));
  ASSERT_TRUE(connection->denial());
  EXPECT_EQ(connection->denial()->action, 24);
  EXPECT_EQ(connection->denial()->arguments, (std::array<std::string, 4>{"/tmp/x.db", "null", "null", "null"}));
  rows("SELECT 1");
  EXPECT_FALSE(connection->denial()) << "the next statement is another";
}

TEST_F(ConnectionTest, ANulByteEndsNoQueryUnnoticed) {
  EXPECT_EQ(run(std::string_view("SELECT 1;\0SELECT 2", 18)).error().message, "a NUL byte in the SQL text");
}

TEST_F(ConnectionTest, UnderOsquerysNameItsWarningsAreGiven) {
  Connection compatible({.registry = &registry, .osquery_compatible = true});
  std::string_view sql = "SELECT * FROM words";
  EXPECT_EQ((*compatible.prepare(sql))->step().error().message,
            "Table words was queried without a required column in the WHERE clause");
  ASSERT_EQ(compatible.warnings().list().size(), 2u);
  EXPECT_EQ(compatible.warnings().list()[1].error.text(),
            "Please see the table documentation: https://osquery.io/schema/#words");
}

class Refused : public ConnectionTest, public testing::WithParamInterface<const char*> {};

TEST_P(Refused, StatementsThatReachOutside) {
  const auto result = run(GetParam());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, 23) << result.error().message;
  EXPECT_FALSE(result.error().hint.empty());
}

INSTANTIATE_TEST_SUITE_P(Authorizer, Refused,
                         testing::Values("ATTACH '/tmp/x.db' AS x", "CREATE TABLE t(a); CREATE INDEX i ON t(a)",
                                         "PRAGMA writable_schema = ON", "PRAGMA database_list",
                                         "VACUUM INTO '/tmp/x.db'",
                                         "CREATE TABLE t(a); CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END"));

}  // namespace
}  // namespace osprey::sql
