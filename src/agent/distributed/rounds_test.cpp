#include "agent/distributed/rounds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <regex>

#include "agent/distributed/distributed.h"
#include "agent/remote/fake_remote_test.h"
#include "agent/schedule/fakes_test.h"
#include "sql/memory.h"
#include "store/failing_store.h"
#include "store/memory_store.h"

namespace osprey::agent {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr auto kEndless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c";
constexpr auto kRead = "/read";
constexpr auto kWrite = "/write";

int runs = 0;  // of the table `counted`
sql::Rows<Number> count_runs(const sql::Scan&) {
  Number number{++runs};
  co_yield number;
}
sql::Table counted_table() {
  return sql::table<Number>("counted", "Counts.", count_runs).column("value", &Number::value, "1.");
}

constexpr sql::TableEntry kTables[] = {
    {"counted", counted_table}, {"warner", warner_table}, {"thrower", thrower_table}};

class DistributedRoundsTest : public testing::Test {
 public:
  static void SetUpTestSuite() {
    sqlite3_shutdown();  // other tests have used it
    ASSERT_TRUE(sql::account_for_memory());
  }

  DistributedRoundsTest() {
    registry_.add(kTables);
    runs = 0;
    configuration_.flags.set("distributed_tls_read_endpoint", kRead);
    configuration_.flags.set("distributed_tls_write_endpoint", kWrite);
    configuration_.flags.set("disable_distributed", "false");
    StatusLog::Levels levels;
    levels.to_stderr = false;
    status_.set_levels(levels);
    status_.set_receiver([this](const protocol::StatusLine& line) { lines_.push_back(line.message); });
  }

  DistributedParts parts() { return parts(remote_); }
  DistributedParts parts(Remote& remote) {
    return {.program = program_,
            .registry = registry_,
            .store = *store_,
            .remote = remote,
            .status = status_,
            .scan_errors = scan_errors_,
            .losses = losses_,
            .limits = limits_,
            .provide = {},
            .clock = clock_,
            .jitter = [](auto delay) { return delay; }};
  }
  // As a process that starts now.
  DistributedRounds& restart() {
    rounds_.emplace(parts());
    return *rounds_;
  }
  std::chrono::milliseconds round() {
    if (!rounds_) restart();
    return rounds_->round(std::make_shared<Configuration>(configuration_));
  }
  void asked(std::string reply) { remote_.script(kRead, FakeRemote::says(std::move(reply))); }
  // One round over this reply: the body that was written, without the figures of its statistics.
  std::string written(std::string reply) {
    asked(std::move(reply));
    round();
    return last_body();
  }
  // A process that is killed while it runs this, and the next one.
  void die_in(std::string_view sql) {
    store_ = store::failing_store(store_, [count = 0](store::FaultPoint at) mutable {
      if (at.after) ++count;
      // Accepted, marked as running, killed.
      return at.after && count == 2 ? store::Fault::die : store::Fault::none;
    });
    asked(fmt::format(R"({{"queries":{{"killer":"{}"}}}})", sql));
    EXPECT_THROW(round(), store::Death);
    restart();
  }
  std::string last_body() {
    const auto bodies = remote_.bodies(kWrite);
    if (bodies.empty()) return "";
    return std::regex_replace(bodies.back(), std::regex(R"x((_ms|_time|memory)":\d+)x"), "$1\":0");
  }

  FakeClock clock_{1'800'000'000};
  Program program_;
  sql::Registry registry_;
  std::shared_ptr<store::Store> store_ = store::memory_store();
  Losses losses_{*store_};
  Limits limits_;
  ScanErrors scan_errors_;
  StatusLog status_;
  std::vector<std::string> lines_;
  FakeRemote remote_;
  Configuration configuration_;
  std::optional<DistributedRounds> rounds_;
};

TEST_F(DistributedRoundsTest, BodiesAreAsRecorded) {  // DST-02
  program_.osquery_compatible = true;
  constexpr auto kStats = R"({"wall_time_ms":0,"user_time":0,"system_time":0,"memory":0})";
  EXPECT_EQ(written(R"({"queries": {"q1": "select 1 as z, 'text' as a, null as n, 2.5 as f",
                        "qbad": "select * from no_such_table", "qempty": "select 1 as a where 0",
                        "qdisc_yes": "select 'yes' as d", "qdisc_no": "select 'no' as d"},
                        "discovery": {"qdisc_yes": "select 1", "qdisc_no": "select 1 where 0"}})"),
            fmt::format(R"("queries":{{"q1":[{{"z":"1","a":"text","n":"","f":"2.5"}}],"qbad":[],)"
                        R"("qdisc_yes":[{{"d":"yes"}}],"qempty":[]}},)"
                        R"("statuses":{{"q1":0,"qbad":1,"qdisc_yes":0,"qempty":0}},)"
                        R"("messages":{{"q1":"","qbad":"no such table: no_such_table","qdisc_yes":"","qempty":""}},)"
                        R"("stats":{{"q1":{0},"qbad":{0},"qdisc_yes":{0},"qempty":{0}}})",
                        kStats));
  EXPECT_THAT(lines_, ElementsAre("Error executing distributed query: qbad: no such table: no_such_table"));
  EXPECT_EQ(
      written(
          R"x({"queries": {"u1": "select 'h\u00e9llo' as u, x'00ff41' as blob, char(1)||char(10)||char(34)||'/' as ctl"}})x"),
      fmt::format(R"("queries":{{"u1":[{{"u":"héllo","blob":"","ctl":"\u0001\n\"/"}}]}},"statuses":{{"u1":0}},)"
                  R"("messages":{{"u1":""}},"stats":{{"u1":{}}})",
                  kStats));
  for (const auto& request : remote_.requests(kRead)) {
    EXPECT_EQ(request.members, "");
    EXPECT_EQ(request.attempts, 3U);
    EXPECT_TRUE(request.evaluate);
  }
}

TEST_F(DistributedRoundsTest, NothingIsWrittenWhereNothingWasAsked) {
  for (const auto* reply : {"{}", R"({"queries":{}})", R"({"queries":["select 1"]})"}) EXPECT_EQ(written(reply), "");
}

// compat section 15: osquery fails with "map::at".
TEST_F(DistributedRoundsTest, SeveralStatementsGiveAllTheirRowsAsInTheSchedule) {
  for (const bool compatible : {false, true}) {
    program_.osquery_compatible = compatible;
    restart();
    EXPECT_THAT(written(R"({"queries":{"m":"select 1 as a; select 2 as b, 3 as c"}})"),
                HasSubstr(R"("queries":{"m":[{"a":"1"},{"b":"2","c":"3"}]},"statuses":{"m":0})"));
  }
}

TEST_F(DistributedRoundsTest, OfColumnsOfOneNameTheLastValueStays) {
  EXPECT_THAT(written(R"({"queries":{"m":"select 1 as a, 2 as b, 3 as a"}})"), HasSubstr(R"([{"a":"3","b":"2"}])"));
}

TEST_F(DistributedRoundsTest, UnderOsquerysNameAReplyIsDroppedFromItsFaultOn) {
  program_.osquery_compatible = true;
  EXPECT_EQ(written(R"({"queries":{"a":"select 1","dd":"select 1"},"discovery":{"dd":"select * from no_such"}})"), "");
  EXPECT_EQ(written(R"({"queries":{"a":"select 1","s":"select 1"},"discovery":{"s":5}})"), "");
  EXPECT_EQ(written(R"({"queries":{"num":5,"nul":null,"ok":"select 1"}})"), "");
  EXPECT_THAT(lines_, IsEmpty());
}

TEST_F(DistributedRoundsTest, UnderOurOwnNameAFaultIsToldAndTheRestGoesOn) {
  const auto body = written(R"({"queries":{"num":5,"dd":"select 1","ok":"select 2 as b"},
                                "discovery":{"dd":"select * from no_such"}})");
  EXPECT_THAT(body, HasSubstr(R"("queries":{"dd":[],"num":[],"ok":[{"b":"2"}]},"statuses":{"dd":1,"num":1,"ok":0})"));
  EXPECT_THAT(
      body, HasSubstr(R"("dd":"its discovery query failed: no such table: no_such","num":"the query is not a text")"));
}

TEST_F(DistributedRoundsTest, WhatCouldNotBeLookedAtTravelsWithTheAnswer) {
  EXPECT_THAT(written(R"({"queries":{"w":"select * from warner"}})"),
              HasSubstr(R"("queries":{"w":[{"value":"1"}]},"statuses":{"w":0},)"
                        R"("messages":{"w":"warner: /secret: Permission denied"})"));
  EXPECT_EQ(scan_errors_.list().size(), 1U);
  program_.osquery_compatible = true;
  restart();
  EXPECT_THAT(written(R"({"queries":{"w":"select * from warner"}})"), HasSubstr(R"("messages":{"w":""})"));
}

TEST_F(DistributedRoundsTest, AQueryHasTheBudgetOfAScheduledOne) {  // DST-05
  configuration_.flags.set("schedule_query_rows", "10");
  configuration_.flags.set("schedule_query_memory_mb", "4");
  configuration_.flags.set("schedule_query_result_mb", "1");
  const auto body = written(
      R"x({"queries":{"large":"SELECT hex(zeroblob(5000000))",
                      "many":"SELECT hex(zeroblob(150000)) FROM (VALUES (1), (2), (3), (4))",
                      "rows":"WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c"}})x");
  EXPECT_THAT(body, HasSubstr(R"("statuses":{"large":1,"many":1,"rows":1})"));
  EXPECT_THAT(body, HasSubstr("limit of 4 MB of memory"));
  EXPECT_THAT(body, HasSubstr("limit of 1 MB of results"));
  EXPECT_THAT(body, HasSubstr("10 rows"));
  configuration_.flags.set("schedule_query_cpu_seconds", "1");
  EXPECT_THAT(written(fmt::format(R"({{"queries":{{"cpu":"{}"}}}})", kEndless)), HasSubstr("1000 ms of CPU time"));
  configuration_.flags.set("schedule_query_cpu_seconds", "0");
  configuration_.flags.set("schedule_query_seconds", "1");
  EXPECT_THAT(written(fmt::format(R"({{"queries":{{"time":"{}"}}}})", kEndless)),
              HasSubstr(R"("statuses":{"time":1})"));
  std::map<std::string, std::int64_t> struck;
  for (const auto& limit : limits_.list())
    if (limit.scope == "distributed query") struck[limit.name] = limit.struck;
  EXPECT_EQ(struck,
            (std::map<std::string, std::int64_t>{
                {"query_time", 1}, {"query_cpu", 1}, {"query_memory", 1}, {"query_rows", 1}, {"query_result", 1}}));
}

TEST_F(DistributedRoundsTest, ResultsBeyondWhatIsKeptAreAFailure) {
  configuration_.flags.set("distributed_results_mb", "1");
  const auto body = written(R"x({"queries":{"a":"SELECT hex(zeroblob(1000000))","b":"select 1 as one"}})x");
  EXPECT_THAT(body, HasSubstr(R"("queries":{"a":[],"b":[{"one":"1"}]},"statuses":{"a":1,"b":0})"));
  EXPECT_THAT(body, HasSubstr("exceed the 1 MB that are kept for the server"));
  EXPECT_EQ(losses_.list().size(), 1U);
}

TEST_F(DistributedRoundsTest, AnExceptionOfATableIsAFailure) {
  EXPECT_THAT(written(R"({"queries":{"t":"select * from thrower"}})"), HasSubstr("a fault of mine"));
  EXPECT_THAT(written(R"x({"queries":{"t":"select 1 as x"},"discovery":{"t":"select max(value) from thrower"}})x"),
              HasSubstr("its discovery query failed"));
}

TEST_F(DistributedRoundsTest, AnswersAreSentUntilTheyAreTaken) {
  program_.osquery_compatible = true;
  remote_.script(kWrite, FakeRemote::fails("refused"));
  EXPECT_THAT(written(R"({"queries":{"w":"select value as w from counted"}})"), HasSubstr(R"("w":[{"w":"1"}])"));
  restart();  // osquery loses them here
  EXPECT_THAT(written(R"({"queries":{"w2":"select 2 as w"}})"),
              AllOf(HasSubstr(R"("queries":{"w":[{"w":"1"}],"w2":[{"w":"2"}]},"statuses":{"w":0,"w2":0})")));
  EXPECT_EQ(remote_.bodies(kWrite).size(), 2U);
  round();
  restart();
  round();
  EXPECT_EQ(remote_.bodies(kWrite).size(), 2U);
  EXPECT_EQ(runs, 1);
}

TEST_F(DistributedRoundsTest, AnAnswerThatTheServerNeverTakesIsGivenUp) {
  remote_.always(kWrite, [](const RemoteRequest& request, const Interrupt&) -> Result<RemoteReply> {
    if (request.members.size() > 1000) return failure("server", "too large");
    return RemoteReply();
  });
  asked(R"x({"queries":{"large":"select hex(zeroblob(1000)) as x","small":"select 1 as x"}})x");
  for (int i = 0; i < 20; ++i) round();
  EXPECT_EQ(remote_.requests(kWrite).size(), 20U);
  round();
  EXPECT_THAT(last_body(),
              AllOf(HasSubstr(R"("queries":{"large":[],"small":[{"x":"1"}]},"statuses":{"large":1,"small":0})"),
                    HasSubstr("the server does not take the results: server: too large")));
  EXPECT_EQ(losses_.list().at(0).reason, "refused");
  round();
  EXPECT_EQ(remote_.requests(kWrite).size(), 21U);
}

// 413
TEST_F(DistributedRoundsTest, AnAnswerThatTheServerSaysIsTooLargeIsGivenUpAtOnce) {
  remote_.always(kWrite, [](const RemoteRequest& request, const Interrupt&) -> Result<RemoteReply> {
    if (request.members.size() > 1000) return std::unexpected(Error{kBodyTooLarge, "server", "too large"});
    return RemoteReply();
  });
  asked(R"x({"queries":{"large":"select hex(zeroblob(1000)) as x"}})x");
  round();
  round();
  EXPECT_EQ(remote_.requests(kWrite).size(), 2U);
  EXPECT_THAT(last_body(), AllOf(HasSubstr(R"("statuses":{"large":1})"), HasSubstr("does not take the results")));
}

TEST_F(DistributedRoundsTest, AcceleratedReadsAreFiveSecondsApart) {
  EXPECT_EQ(round(), 60s);
  asked(R"({"queries":{},"accelerate":12})");
  EXPECT_EQ(round(), 5s);
  EXPECT_THAT(lines_, ElementsAre("Accelerating distributed query checkins for 12 seconds"));
  restart();
  EXPECT_EQ(round(), 5s);
  clock_.pass(12s);
  EXPECT_EQ(round(), 60s);
  asked(R"({"accelerate":12})");
  EXPECT_EQ(round(), 5s);
  clock_.step(-100'000);  // would last for a day
  EXPECT_EQ(round(), 60s);
  asked(R"({"accelerate":"30"})");
  EXPECT_EQ(round(), 60s);
}

TEST_F(DistributedRoundsTest, AServerThatDoesNotAnswerIsToldOfOnceAnHour) {
  remote_.always(kRead, FakeRemote::fails("no route to host"));
  EXPECT_EQ(round(), 60s);
  EXPECT_EQ(round(), 120s);
  EXPECT_THAT(lines_, ElementsAre("distributed read: server: no route to host"));
  clock_.pass(2h);
  round();
  EXPECT_EQ(lines_.size(), 2U);
  lines_.clear();
  program_.osquery_compatible = true;
  restart();
  EXPECT_EQ(round(), 60s);
  EXPECT_EQ(round(), 60s);
  EXPECT_THAT(lines_, IsEmpty());
}

TEST_F(DistributedRoundsTest, TheServerMayHoldTheRead) {
  remote_.always(kRead, FakeRemote::says("{}", 30s));
  EXPECT_EQ(round(), 0s);
  const auto first = remote_.requests(kRead).back();
  EXPECT_EQ(first.hold, 0s);
  remote_.script(kRead, [&](const auto&, const auto&) -> Result<RemoteReply> {
    clock_.pass(10s);
    return FakeRemote::reply(R"({"queries":{"a":"select 1 as a"}})", 30s);
  });
  EXPECT_EQ(round(), 0s);
  const auto held = remote_.requests(kRead).back();
  EXPECT_EQ(held.hold, 30s);
  EXPECT_EQ(held.attempts, 1U);
  EXPECT_THAT(last_body(), HasSubstr(R"("a":[{"a":"1"}])"));
  // An answer that the server does not take is no reason to be held.
  remote_.script(kRead, FakeRemote::says(R"({"queries":{"a":"select 1 as a"}})", 30s));
  remote_.script(kWrite, FakeRemote::fails("refused"));
  EXPECT_EQ(round(), 2s);
  round();
  EXPECT_EQ(remote_.requests(kRead).back().hold, 0s);
}

TEST_F(DistributedRoundsTest, AQueryThatEndedTheWorkerIsDenied) {  // DST-05
  die_in("select value from counted");
  EXPECT_THAT(written("{}"),
              HasSubstr(R"("queries":{"killer":[]},"statuses":{"killer":1},)"
                        R"("messages":{"killer":"distributed query is denylisted"},"stats":{"killer":{}})"));
  // Under whatever id, until the term is over.
  EXPECT_THAT(written(R"({"queries":{"again":"select value from counted"}})"), HasSubstr("denylisted"));
  EXPECT_THAT(written(R"({"queries":{"d":"select 1"},"discovery":{"d":"select value from counted"}})"),
              HasSubstr("its discovery query failed: distributed query is denylisted"));
  EXPECT_EQ(runs, 0);
  clock_.pass(86'400s);
  EXPECT_THAT(written(R"({"queries":{"again":"select value from counted"}})"), HasSubstr(R"([{"value":"1"}])"));
}

TEST_F(DistributedRoundsTest, TheTermOfADenialIsTheFlags) {
  configuration_.flags.set("distributed_denylist_duration", "60");
  die_in("select value from counted");
  EXPECT_THAT(written("{}"), HasSubstr("denylisted"));
  clock_.pass(59s);
  EXPECT_THAT(written(R"({"queries":{"again":"select value from counted"}})"), HasSubstr("denylisted"));
  clock_.pass(1s);
  EXPECT_THAT(written(R"({"queries":{"again":"select value from counted"}})"), HasSubstr(R"([{"value":"1"}])"));
}

TEST_F(DistributedRoundsTest, TriesAreAsManyAsTheFlagSays) {
  configuration_.flags.set("distributed_tls_max_attempts", "7");
  written(R"({"queries":{"a":"select 1"}})");
  for (const auto* endpoint : {kRead, kWrite}) EXPECT_EQ(remote_.requests(endpoint).at(0).attempts, 7U) << endpoint;
}

TEST_F(DistributedRoundsTest, ADeathAtAnyWriteNeitherLosesAnAnswerNorRunsAnAnsweredQueryAgain) {
  for (std::uint64_t write = 0; write < 40; ++write) {
    for (const bool after : {false, true}) {
      SCOPED_TRACE(testing::Message() << "write " << write << (after ? " done" : " not done"));
      const std::shared_ptr<store::Store> beneath = store::memory_store();
      bool died = false;
      store_ = store::failing_store(beneath, [&](store::FaultPoint at) {
        if (died || at.number / 2 != write || at.after != after) return store::Fault::none;
        died = true;
        return store::Fault::die;
      });
      FakeRemote remote;
      std::map<std::string, int> answers;
      remote.script(
          kRead,
          FakeRemote::says(
              R"x({"queries":{"a":"select 1 as x","b":"select 2 as x","c":"select hex(zeroblob(200000)) as x"}})x"));
      remote.always(kWrite, [&](const RemoteRequest& request, const Interrupt&) -> Result<RemoteReply> {
        const auto body = boost::json::parse("{" + request.members + "}").as_object();
        for (const auto& [id, rows] : body.at("queries").as_object()) {
          ++answers[std::string(id)];
          const auto status = body.at("statuses").at(id).as_int64();
          // Rows whole, or denied because it ran when the process died.
          if (status == 0)
            EXPECT_EQ(rows.as_array().size(), 1U);
          else
            EXPECT_EQ(body.at("messages").at(id).as_string(), "distributed query is denylisted");
        }
        return RemoteReply();
      });
      for (int i = 0; i < 4; ++i) {
        try {
          DistributedRounds rounds(parts(remote));
          for (int j = 0; j < 2; ++j) rounds.round(std::make_shared<Configuration>(configuration_));
        } catch (const store::Death&) {
          // And another process starts.
        }
      }
      // Where the death came before anything was accepted, the server asks again: it has no answer.
      if (answers.empty()) {
        EXPECT_LT(write, 1U);
        continue;
      }
      EXPECT_EQ(answers.size(), 3U);
      // At most one write is repeated: that whose acknowledgement was not noted.
      for (const auto& [id, count] : answers) EXPECT_LE(count, died ? 2 : 1);
    }
  }
}

TEST_F(DistributedRoundsTest, TheThreadEndsAtOnceInALongQueryAndRunsItAgainLater) {
  asked(fmt::format(R"({{"queries":{{"long":"{}"}}}})", kEndless));
  {
    Distributed distributed(parts());
    distributed.apply(std::make_shared<Configuration>(configuration_));
    while (DistributedWork(*store_, losses_).pending().empty()) std::this_thread::sleep_for(1ms);
    std::this_thread::sleep_for(20ms);
    distributed.stop();
  }
  EXPECT_EQ(DistributedWork(*store_, losses_).pending().size(), 1U);
  EXPECT_FALSE(RunningMarks(*store_, clock_).denies(kEndless, 1h));
  EXPECT_THAT(remote_.bodies(kWrite), IsEmpty());
}

TEST_F(DistributedRoundsTest, TheThreadEndsAtOnceInAHeldRead) {
  remote_.always(kRead, FakeRemote::holds());
  Distributed distributed(parts());
  distributed.apply(std::make_shared<Configuration>(configuration_));
  while (remote_.requests(kRead).empty()) std::this_thread::sleep_for(1ms);
  distributed.stop();
  EXPECT_THAT(lines_, IsEmpty());
}

TEST_F(DistributedRoundsTest, TheThreadAsksNothingWhileItIsOff) {
  Distributed distributed(parts());
  configuration_.flags.set("disable_distributed", "true");
  distributed.apply(std::make_shared<Configuration>(configuration_));
  std::this_thread::sleep_for(20ms);
  EXPECT_THAT(remote_.requests(kRead), IsEmpty());
  configuration_.flags.set("disable_distributed", "false");
  distributed.apply(std::make_shared<Configuration>(configuration_));
  while (remote_.requests(kRead).empty()) std::this_thread::sleep_for(1ms);
}

TEST_F(DistributedRoundsTest, TheSqlIsLoggedWhereThatIsWanted) {
  written(R"({"queries":{"a":"select 1"}})");
  EXPECT_THAT(lines_, IsEmpty());
  configuration_.flags.set("distributed_loginfo", "true");
  written(R"({"queries":{"a":"select 1"}})");
  EXPECT_THAT(lines_, ElementsAre("Executing distributed query: a: select 1"));
}

}  // namespace
}  // namespace osprey::agent
