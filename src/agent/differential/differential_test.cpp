// The rules of compat sections 4.1 and 4.2: SCH-01 to SCH-06, CFG-10, CFG-12.
#include "agent/differential/differential.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

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
  ASSERT_TRUE(agent_.open());
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

}  // namespace
}  // namespace osprey::agent
