// The rules of compat sections 4.1 and 4.2: SCH-01 to SCH-06, CFG-10, CFG-12.
#include "agent/differential/differential.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cerrno>
#include <map>
#include <thread>

#include "agent/differential/testing.h"

namespace osprey::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Kind = RunOutcome::Kind;

class DifferentialTest : public ::testing::Test {
 protected:
  Result<RunOutcome> run(std::string_view rows, const RunPlan& plan) { return agent_.run(rows, plan); }
  RunOutcome run(std::string_view rows) {
    auto outcome = agent_.run(rows, plan_);
    EXPECT_TRUE(outcome) << outcome.error().text();
    return outcome.value_or(RunOutcome{});
  }
  std::vector<std::string> lines() { return agent_.lines(); }
  // Of event lines: "counter action columns".
  std::vector<std::string> changes() {
    std::vector<std::string> all;
    for (const auto& text : lines()) {
      const auto line = boost::json::parse(text).as_object();
      all.push_back(fmt::format("{} {} {}", boost::json::serialize(line.at("counter")),
                                std::string_view(line.at("action").as_string()),
                                boost::json::serialize(line.at("columns"))));
    }
    return all;
  }

  agent::testing::Agent agent_;
  RunPlan plan_{.name = "q", .sql = "select 1"};
};

TEST_F(DifferentialTest, SCH02TheFirstRunTellsAllRowsAsAdded) {
  const auto outcome = run("select 2 as a union all select 1");
  EXPECT_EQ(outcome.kind, Kind::initial);
  EXPECT_EQ(outcome.rows, 2u);
  EXPECT_EQ(outcome.added, 2u);
  EXPECT_EQ(outcome.output_bytes, 18u);
  EXPECT_THAT(lines(),
              ElementsAre(R"({"name":"q","hostIdentifier":"host","calendarTime":"Thu Jan  1 00:16:40 1970 UTC",)"
                          R"("unixTime":1000,"epoch":0,"counter":0,"numerics":false,"columns":{"a":"2"},)"
                          R"("action":"added"})",
                          HasSubstr(R"("columns":{"a":"1"})")));
}

TEST_F(DifferentialTest, SCH03NoChangeNoLineAndNothingWritten) {
  run("select 1 as a union all select 2");
  lines();
  const auto before = agent_.disk->get(store::Family::queries, "head.q").value();
  for (const auto* rows : {"select 1 as a union all select 2", "select 2 as a union all select 1"}) {
    const auto outcome = run(rows);
    EXPECT_EQ(outcome.kind, Kind::unchanged);
    EXPECT_EQ(outcome.counter, 0u);
    EXPECT_THAT(lines(), IsEmpty());
    EXPECT_EQ(agent_.disk->get(store::Family::queries, "head.q").value(), before);
  }
}

TEST_F(DifferentialTest, SCH01RemovedRowsComeFirstInTheirOrderAndAddedOnesInTheResults) {
  run("select 'c' as f, 3 as n union all select 'b', 2 union all select 'a', 1");
  lines();
  const auto outcome = run("select 'z' as f, 4 as n union all select 'c', 3 union all select 'y', 5");
  EXPECT_EQ(outcome.kind, Kind::changed);
  EXPECT_EQ(outcome.removed, 2u);
  EXPECT_EQ(outcome.added, 2u);
  EXPECT_THAT(changes(), ElementsAre(R"(1 removed {"f":"a","n":"1"})", R"(1 removed {"f":"b","n":"2"})",
                                     R"(1 added {"f":"z","n":"4"})", R"(1 added {"f":"y","n":"5"})"));
  EXPECT_EQ(run("select 1 as f").counter, 2u);
}

TEST_F(DifferentialTest, ANewEpochTellsAllRowsAsAddedWithCounterZero) {
  run("select 1 as a union all select 2");
  run("select 1 as a");
  lines();
  plan_.epoch = 7;
  const auto outcome = run("select 1 as a");
  EXPECT_EQ(outcome.kind, Kind::new_epoch);
  EXPECT_THAT(changes(), ElementsAre(R"(0 added {"a":"1"})"));
  plan_.epoch = 0;
  EXPECT_EQ(run("select 1 as a").kind, Kind::new_epoch);
}

TEST_F(DifferentialTest, EditedSqlIsAPlainDifference) {
  run("select 1 as a");
  lines();
  plan_.sql = "select 2";
  auto outcome = run("select 1 as a union all select 2");
  EXPECT_TRUE(outcome.sql_changed);
  EXPECT_EQ(outcome.kind, Kind::changed);
  EXPECT_THAT(changes(), ElementsAre(R"(1 added {"a":"2"})"));
  EXPECT_FALSE(run("select 1 as a union all select 2").sql_changed);
  plan_.sql = "select 3";
  outcome = run("select 1 as a union all select 2");
  EXPECT_TRUE(outcome.sql_changed);
  EXPECT_EQ(outcome.kind, Kind::unchanged);
  EXPECT_EQ(outcome.counter, 1u);
  EXPECT_FALSE(run("select 1 as a union all select 2").sql_changed);
  EXPECT_THAT(lines(), IsEmpty());
}

TEST_F(DifferentialTest, CFG10WithoutRemovedStateAndCounterGoOn) {
  plan_.removed = false;
  run("select 1 as a union all select 2");
  lines();
  const auto outcome = run("select 1 as a");
  EXPECT_EQ(outcome.kind, Kind::changed);
  EXPECT_EQ(outcome.counter, 1u);
  EXPECT_EQ(outcome.removed, 1u);
  EXPECT_THAT(lines(), IsEmpty());
  run("select 1 as a union all select 2");
  EXPECT_THAT(changes(), ElementsAre(R"(2 added {"a":"2"})"));
  plan_.event_format = false;
  run("select 1 as a");
  EXPECT_THAT(lines(), IsEmpty());
}

TEST_F(DifferentialTest, ZeroRowsAtFirstAreALineOnlyInTheBatchFormat) {
  EXPECT_EQ(run("select 1 as a where 0").kind, Kind::initial);
  EXPECT_THAT(lines(), IsEmpty());
  EXPECT_EQ(run("select 1 as a where 0").kind, Kind::unchanged);
  plan_.name = "other";
  plan_.event_format = false;
  run("select 1 as a where 0");
  EXPECT_THAT(lines(), ElementsAre(R"({"diffResults":{"removed":[],"added":[]},"name":"other","hostIdentifier":"host",)"
                                   R"("calendarTime":"Thu Jan  1 00:16:40 1970 UTC","unixTime":1000,"epoch":0,)"
                                   R"("counter":0,"numerics":false})"));
  EXPECT_EQ(run("select 1 as a").counter, 1u);
}

TEST_F(DifferentialTest, TheBatchFormatHasOneLineARun) {
  plan_.event_format = false;
  run("select 1 as a union all select 2");
  run("select 2 as a union all select 3 union all select 4");
  EXPECT_THAT(lines(), ElementsAre(HasSubstr(R"({"diffResults":{"removed":[],"added":[{"a":"1"},{"a":"2"}]},"name")"),
                                   HasSubstr(R"({"removed":[{"a":"1"}],"added":[{"a":"3"},{"a":"4"}]},"name")")));
}

TEST_F(DifferentialTest, CFG12SCH04ASnapshotIsTheWholeResultEachTime) {
  plan_.snapshot = true;
  EXPECT_EQ(run("select x'610a' as a, 'A' || char(1) as b").rows, 1u);
  run("select 1 as a");
  run("select 1 as a where 0");
  EXPECT_THAT(lines(),
              ElementsAre(HasSubstr(R"({"snapshot":[{"a":"a\n","b":"A\u0001"}],"action":"snapshot","name":"q")"),
                          HasSubstr(R"("counter":0)"), HasSubstr(R"({"snapshot":[],"action")")));
  plan_.snapshot_event_format = true;
  run("select 1 as a union all select 2");
  run("select 1 as a where 0");
  EXPECT_THAT(changes(), ElementsAre(R"(0 snapshot {"a":"1"})", R"(0 snapshot {"a":"2"})"));
  EXPECT_THAT(*agent_.differential->names(), IsEmpty());
}

TEST_F(DifferentialTest, EventQueriesTellAllRowsAndCountRunsThatHaveSome) {
  plan_.events = true;
  EXPECT_EQ(run("select 1 as a where 0").kind, Kind::unchanged);
  run("select 1 as a union all select 1");
  run("select 1 as a where 0");
  run("select 1 as a");
  EXPECT_THAT(changes(), ElementsAre(R"(0 added {"a":"1"})", R"(0 added {"a":"1"})", R"(1 added {"a":"1"})"));
  plan_.epoch = 3;
  run("select 1 as a");
  EXPECT_THAT(changes(), ElementsAre(R"(0 added {"a":"1"})"));
}

TEST_F(DifferentialTest, RowsAreComparedByTypedValuesAsAMultiset) {
  run("select 1 as a union all select 1 union all select '1'");
  lines();
  run("select 1 as a union all select '1' union all select '1' union all select '1'");
  EXPECT_THAT(changes(), ElementsAre(R"(1 removed {"a":"1"})", R"(1 added {"a":"1"})", R"(1 added {"a":"1"})"));
}

TEST_F(DifferentialTest, NullIsItsTextAndTextIsEscapedBeforeItIsCompared) {
  plan_.null_value = "NIL";
  run("select null as a, x'ff00ff' as b, char(10) as c, 'B' as c");
  EXPECT_THAT(changes(), ElementsAre(R"(0 added {"a":"NIL","b":"\\xFF","c":"B"})"));
  EXPECT_EQ(run("select 'NIL' as a, '\\xFF' as b, 'B' as c").kind, Kind::unchanged);
}

TEST_F(DifferentialTest, StatementsOfARunMayHaveOtherColumns) {
  run("select 1 as a; select 2 as b; select 3 as a, 4 as b; select 5 as a");
  EXPECT_THAT(changes(), ElementsAre(R"(0 added {"a":"1"})", R"(0 added {"b":"2"})", R"(0 added {"a":"3","b":"4"})",
                                     R"(0 added {"a":"5"})"));
}

TEST_F(DifferentialTest, WithoutLoggingStateGoesOn) {
  plan_.log = false;
  run("select 1 as a");
  run("select 2 as a");
  plan_.log = true;
  plan_.event_format = false;
  EXPECT_EQ(run("select 2 as a").counter, 1u);
  EXPECT_THAT(lines(), IsEmpty());
}

TEST_F(DifferentialTest, SCH05StateSurvivesARestart) {
  run("select 1 as a union all select 2");
  lines();
  ASSERT_TRUE(agent_.open({}));
  run("select 1 as a");
  EXPECT_THAT(changes(), ElementsAre(R"(1 removed {"a":"2"})"));
}

TEST_F(DifferentialTest, SCH06ForgottenQueriesLoseTheirState) {
  run("select 1 as a");
  plan_.name = "p";
  run("select 1 as a");
  EXPECT_THAT(*agent_.differential->names(), ElementsAre("p", "q"));
  ASSERT_TRUE(agent_.differential->forget("q"));
  EXPECT_THAT(*agent_.differential->names(), ElementsAre("p"));
  plan_.name = "q";
  EXPECT_EQ(run("select 1 as a").kind, Kind::initial);
}

TEST_F(DifferentialTest, ARunThatIsDroppedHasChangedNothing) {
  run("select 1 as a");
  lines();
  EXPECT_FALSE(run("select 2 as a; select no_such_column", plan_));
  EXPECT_EQ(run("select 1 as a").kind, Kind::unchanged);
  EXPECT_THAT(lines(), IsEmpty());
}

std::string numbers(int from, int to) {
  return fmt::format(
      "with recursive n(i) as (select {} union all select i + 1 from n where i < {}) "
      "select i, 'some text of row ' || i as t from n",
      from, to);
}

class LargeDifferentialTest : public DifferentialTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(agent_.open({.small_bytes = 2000, .batch_bytes = 2000, .record_bytes = 500, .part_rows = 4}));
  }
};

TEST_F(LargeDifferentialTest, LongSnapshotsAndEventsAreToldWhole) {
  plan_.snapshot = true;
  EXPECT_EQ(run(numbers(1, 500)).rows, 500u);
  const auto line = lines();
  ASSERT_EQ(line.size(), 1u);
  EXPECT_EQ(boost::json::parse(line[0]).at("snapshot").as_array().size(), 500u);
  plan_.snapshot_event_format = true;
  run(numbers(1, 500));
  EXPECT_EQ(lines().size(), 500u);
  plan_.snapshot = false;
  plan_.events = true;
  run(numbers(1, 500));
  EXPECT_EQ(lines().size(), 500u);
  EXPECT_EQ(run(numbers(1, 1)).counter, 1u);
}

TEST_F(LargeDifferentialTest, AQueryMayTurnToEventsAndBack) {
  run(numbers(1, 300));
  plan_.events = true;
  EXPECT_EQ(run(numbers(1, 2)).counter, 1u);
  plan_.events = false;
  EXPECT_EQ(run(numbers(1, 2)).kind, Kind::initial);
  std::size_t keys = 0;
  for (auto cursor = agent_.disk->cursor(store::Family::queries, {}, {}); cursor->valid(); cursor->next()) ++keys;
  EXPECT_EQ(keys, 2u);  // the head and the key of the hashes
}

TEST_F(LargeDifferentialTest, AChangedRowOfALargeResultWritesLittle) {
  run(numbers(1, 3000));
  lines();
  const auto snapshot = [&] {
    std::map<std::string, std::string> all;
    for (auto cursor = agent_.disk->cursor(store::Family::queries, {}, {}); cursor->valid(); cursor->next())
      all.emplace(cursor->key(), cursor->value());
    return all;
  };
  const auto before = snapshot();
  EXPECT_EQ(run(numbers(2, 3001)).counter, 1u);
  EXPECT_EQ(lines().size(), 2u);
  std::size_t written = 0;
  for (const auto& [key, value] : snapshot())
    if (const auto found = before.find(key); found == before.end() || found->second != value) ++written;
  EXPECT_LE(written, 4u);  // the head, a row, two parts of the index
}

// What does not fit is told with query and size; the state before stays in force and nothing of the rest.
TEST_F(LargeDifferentialTest, WithoutRoomTheStateBeforeStaysInForce) {
  run(numbers(1, 300));
  lines();
  const auto keys = [&] {
    std::size_t count = 0;
    for (auto cursor = agent_.disk->cursor(store::Family::queries, {}, {}); cursor->valid(); cursor->next()) ++count;
    return count;
  };
  const auto before = keys();
  bool full = true;
  ASSERT_TRUE(agent_.open(
      {.small_bytes = 2000, .batch_bytes = 2000, .record_bytes = 500, .part_rows = 4}, [&](store::FaultPoint point) {
        // Some of it is written before it turns out to be too much.
        return full && point.number > 8 && point.number < 12 && !point.after ? store::Fault::no_space
                                                                             : store::Fault::none;
      }));
  const auto failed = run(numbers(1000, 3000), plan_);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ENOSPC);
  EXPECT_THAT(failed.error().text(), HasSubstr("q: no room for the result ("));
  EXPECT_EQ(keys(), before);
  full = false;
  EXPECT_EQ(run(numbers(1, 300)).kind, Kind::unchanged);
  EXPECT_EQ(keys(), before);
  EXPECT_THAT(lines(), IsEmpty());
}

// Every byte of what is stored turned, one at a time: the query begins anew and says so, or the byte did not matter.
void expect_no_false_line(const DifferentialOptions& options, int rows, std::size_t step) {
  agent::testing::Agent whole(options);
  const RunPlan plan{.name = "q", .sql = "select 1"};
  ASSERT_TRUE(whole.run(numbers(1, rows), plan));
  whole.close();
  std::map<std::string, std::string> stored;
  for (auto cursor = whole.disk->cursor(store::Family::queries, {}, {}); cursor->valid(); cursor->next())
    stored.emplace(cursor->key(), cursor->value());
  const auto counted = [](const std::vector<std::string>& lines, std::string_view what) {
    return static_cast<int>(std::ranges::count_if(lines, [&](const auto& line) { return line.contains(what); }));
  };
  std::size_t damages = 0;
  for (const auto& [key, value] : stored) {
    for (std::size_t i = 0; i < value.size(); i += step) {
      agent::testing::Agent agent(options);
      store::Batch batch;
      for (const auto& [k, v] : stored) batch.put(store::Family::queries, k, v);
      auto damaged = value;
      damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
      batch.put(store::Family::queries, key, damaged);
      ASSERT_TRUE(agent.disk->write(batch));
      auto outcome = agent.run(numbers(2, rows + 1), plan);
      if (!outcome) {  // found when changes were being told already
        EXPECT_THAT(agent.lines(), IsEmpty());
        outcome = agent.run(numbers(2, rows + 1), plan);
        ASSERT_TRUE(outcome) << outcome.error().text();
      }
      const auto lines = agent.lines();
      if (outcome->kind == Kind::initial) {
        ++damages;
        EXPECT_EQ(agent.told.size(), 1u);
        EXPECT_THAT(agent.told[0], HasSubstr("damaged"));
        EXPECT_EQ(outcome->counter, 0u);
        EXPECT_EQ(counted(lines, R"("action":"added")"), rows);
        EXPECT_EQ(lines.size(), static_cast<std::size_t>(rows));
      } else {
        EXPECT_EQ(outcome->kind, Kind::changed);
        EXPECT_THAT(lines, ElementsAre(HasSubstr(R"(some text of row 1"},"action":"removed")"),
                                       HasSubstr(fmt::format(R"(some text of row {}"}},"action":"added")", rows + 1))));
      }
      if (::testing::Test::HasFailure()) {
        ADD_FAILURE() << "byte " << i << " of " << key;
        return;
      }
    }
  }
  EXPECT_GT(damages, 100u);
}

TEST(DifferentialDamage, ASmallStateThatIsDamagedBeginsAnew) { expect_no_false_line({}, 20, 1); }
TEST(DifferentialDamage, ALargeStateThatIsDamagedBeginsAnew) {
  expect_no_false_line({.small_bytes = 1000, .batch_bytes = 1000, .record_bytes = 500, .part_rows = 4}, 40, 7);
}

TEST(DifferentialDamage, APartOfTheIndexThatIsMissingIsFound) {
  agent::testing::Agent agent({.small_bytes = 1000, .batch_bytes = 1000, .part_rows = 4});
  const RunPlan plan{.name = "q", .sql = "select 1"};
  ASSERT_TRUE(agent.run(numbers(1, 100), plan));
  const std::string key(agent.disk->cursor(store::Family::queries, "index.", {})->key());
  store::Batch batch;
  batch.erase(store::Family::queries, key);
  ASSERT_TRUE(agent.disk->write(batch));
  EXPECT_EQ(agent.run(numbers(1, 100), plan)->kind, Kind::initial);
  EXPECT_THAT(agent.told, ElementsAre(HasSubstr("q: the stored result is damaged (index): it is dropped")));
}

TEST(DifferentialThreads, RunsOfOtherNamesMayOverlap) {
  agent::testing::Agent agent({.small_bytes = 1000, .batch_bytes = 1000, .record_bytes = 500, .part_rows = 4});
  const auto work = [&](const std::string& name) {
    sql::Registry registry;
    sql::ConnectionOptions options;
    options.registry = &registry;
    sql::Connection connection(options);
    const RunPlan plan{.name = name, .sql = "select 1"};
    for (int i = 0; i < 20; ++i) {
      auto run = agent.differential->begin(plan, {"host", {}, [] { return std::int64_t{1000}; }});
      ASSERT_TRUE(run);
      ASSERT_TRUE(agent::testing::feed(connection, **run, numbers(i, i + 100)));
      const auto outcome = (*run)->finish();
      ASSERT_TRUE(outcome);
      EXPECT_EQ(outcome->counter, static_cast<std::uint64_t>(i));
    }
  };
  std::jthread other(work, "a");
  work("b");
  other.join();
  EXPECT_EQ(agent.lines().size(), 2u * (101 + 19 * 2));
}

}  // namespace
}  // namespace osprey::agent
