#include "agent/schedule/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "agent/schedule/fakes_test.h"
#include "agent/schedule/splay.h"
#include "agent/tables/tables.h"
#include "base/text.h"
#include "sql/memory.h"
#include "store/memory_store.h"

namespace osprey::agent {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr std::int64_t kStart = 1'800'000'001;  // no multiple of 10
constexpr auto kEndless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c";

// Opens and shuts on order: a query on the table `gate` waits at it.
struct Gate {
  std::atomic<bool> open = false;
  std::atomic<int> waiting = 0;
};
Gate* gate = nullptr;

sql::Rows<Number> wait_at_gate(const sql::Scan& scan) {
  ++gate->waiting;
  while (!gate->open && !scan.interrupted()) std::this_thread::sleep_for(1ms);
  --gate->waiting;
  Number number{1};
  co_yield number;
}
sql::Table gate_table() {
  return sql::table<Number>("gate", "Waits.", wait_at_gate).column("value", &Number::value, "1.");
}

sql::Rows<Number> some_events(const sql::Scan&) {
  Number number{1};
  co_yield number;
}
sql::Table events_table() {
  sql::Table made = sql::table<Number>("some_events", "Events.", some_events).column("value", &Number::value, "1.");
  made.event_subscriber = true;
  return made;
}

// Warns as table about warnings, which must not count its own.
sql::Table scan_errors_table() {
  return sql::table<Number>("osprey_scan_errors", "Warns.", warn).column("value", &Number::value, "1.");
}

constexpr sql::TableEntry kTables[] = {{"gate", gate_table},
                                       {"thrower", thrower_table},
                                       {"warner", warner_table},
                                       {"some_events", events_table},
                                       {"osprey_scan_errors", scan_errors_table}};

std::unique_ptr<store::Store> copy_of(const store::Store& store) {
  auto copy = store::memory_store();
  store::Batch batch;
  for (const auto family : {store::Family::configuration, store::Family::statistics})
    for (const auto cursor = store.cursor(family, {}, {}); cursor->valid(); cursor->next())
      batch.put(family, cursor->key(), cursor->value());
  EXPECT_TRUE(copy->write(batch));
  return copy;
}

// Processor time of this process's query threads so far, in clock ticks of the kernel (10 ms).
std::uint64_t ticks_of_query_threads() {
  std::uint64_t sum = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::ifstream(task.path() / "comm") >> name;
    if (name != "query") continue;
    std::string stat;
    std::getline(std::ifstream(task.path() / "stat"), stat);
    std::string_view rest(stat);
    rest.remove_prefix(rest.rfind(')') + 1);
    for (int field = 3; field < 14; ++field) take_field(rest);
    for (int field = 14; field < 16; ++field) sum += parse<std::uint64_t>(take_field(rest)).value_or(0);
  }
  return sum;
}

class SchedulerTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    sqlite3_shutdown();  // other tests have used it
    ASSERT_TRUE(sql::account_for_memory());
  }

  void SetUp() override {
    gate = &gate_;
    registry_.add(kTables);
    registry_.add(tables::entries());
    status_.set_levels({.to_stderr = false, .verbose = true});
    status_.set_receiver([this](const protocol::StatusLine& line) {
      std::lock_guard lock(mutex_);
      lines_.push_back(line.message);
    });
    start();
  }
  void TearDown() override { stop(); }

  void start(std::optional<Death> death = std::nullopt, unsigned threads = 2) {
    scheduler_ =
        std::make_unique<Scheduler>(SchedulerParts{.program = program_,
                                                   .registry = registry_,
                                                   .store = *store_,
                                                   .differential = differential_,
                                                   .status = status_,
                                                   .scan_errors = scan_errors_,
                                                   .limits = limits_,
                                                   .discovered = [this](const auto& packs) { note_discovered(packs); },
                                                   .host_identifier = [] { return "host"; },
                                                   .host_name = "host",
                                                   .last_death = death,
                                                   .clock = clock_,
                                                   .threads = threads,
                                                   .longest_wait = 1ms});
  }
  void note_discovered(const std::set<PackId>& packs) {
    std::lock_guard lock(mutex_);
    discovered_ = packs;
  }
  void stop() {
    gate_.open = true;
    scheduler_.reset();
    gate_.open = false;
  }
  // An orderly stop and a new worker.
  void restart(unsigned threads = 2) {
    stop();
    start(std::nullopt, threads);
  }
  // As if the process died while it ran what waits at the gate: a new worker finds the store as it is.
  void die(std::optional<Death> death) {
    EXPECT_TRUE(settles());
    auto left = copy_of(*store_);
    stop();
    store_ = std::move(left);
    start(death);
  }
  void apply(Configuration configuration) {
    configuration.generation = ++generation_;
    scheduler_->apply(std::make_shared<const Configuration>(std::move(configuration)));
  }
  void apply(std::vector<protocol::Query> queries) { apply(configuration({pack("main", std::move(queries))})); }

  // Waits, bounded, for what the query threads bring about.
  template <class F>
  static bool comes(F&& condition) {
    for (int i = 0; i < 30'000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(1ms);
    }
    return false;
  }
  // Every run is over but those that wait at the gate.
  bool settles() {
    return comes([&] { return std::ranges::count_if(scheduler_->queries(), &QueryReport::running) == gate_.waiting; });
  }
  // A run that is not quite over takes a turn that comes meanwhile for missed.
  void pass(std::chrono::milliseconds time) {
    ASSERT_TRUE(settles());
    clock_.pass(time);
  }
  bool run_to(std::size_t runs) {
    return comes([&] { return differential_.runs().size() >= runs; });
  }
  std::size_t runs_of(const std::string& name) {
    const auto names = differential_.names_run();
    return static_cast<std::size_t>(std::ranges::count(names, name));
  }
  bool runs_to(const std::string& name, std::size_t runs) {
    return comes([&] { return runs_of(name) >= runs; });
  }
  std::vector<std::string> lines() {
    std::lock_guard lock(mutex_);
    return lines_;
  }
  std::size_t count_lines(const std::string& part) {
    const auto all = lines();
    return static_cast<std::size_t>(
        std::ranges::count_if(all, [&](const auto& line) { return line.find(part) != line.npos; }));
  }
  bool is_told(const std::string& part) {
    return comes([&] { return count_lines(part) > 0; });
  }
  QueryReport report(const std::string& name) {
    for (const auto& one : scheduler_->queries())
      if (one.name == name) return one;
    return {};
  }
  bool becomes_denylisted(const std::string& name) {
    return comes([&] { return report(name).denylisted && !report(name).running; });
  }
  bool has_key(store::Family family, const std::string& key) {
    const auto value = store_->get(family, key);
    return value && value->has_value();
  }

  Program program_;
  sql::Registry registry_;
  std::unique_ptr<store::Store> store_ = store::memory_store();
  FakeDifferential differential_;
  StatusLog status_;
  ScanErrors scan_errors_;
  Limits limits_;
  FakeClock clock_{kStart};
  Gate gate_;
  std::mutex mutex_;
  std::vector<std::string> lines_;
  std::set<PackId> discovered_;
  std::uint64_t generation_ = 0;
  std::unique_ptr<Scheduler> scheduler_;
};

class OsquerySchedulerTest : public SchedulerTest {
 protected:
  OsquerySchedulerTest() {
    program_.name = "osqueryd";
    program_.osquery_compatible = true;
  }
};

// SCH-01: several statements are one result.
TEST_F(SchedulerTest, RowsGoToTheDifferential) {
  apply({query("a", "SELECT 1 AS x, 'y' AS y; SELECT 2, 'z'", 10)});
  pass(9s);
  ASSERT_TRUE(run_to(1));
  EXPECT_THAT(differential_.runs()[0].rows, ElementsAre("1,y", "2,z"));
  EXPECT_TRUE(is_told("Storing initial results for new scheduled query: a"));
  EXPECT_THAT(lines(), Contains("Executing scheduled query a: SELECT 1 AS x, 'y' AS y; SELECT 2, 'z'"));
}

// CFG-10, CFG-12, SCH-04: what the configuration says of a query and of results reaches the differential.
TEST_F(SchedulerTest, ThePlanIsTheConfigurations) {
  auto snapshot = query("snap", "SELECT 1", 10);
  snapshot.snapshot = true;
  auto removed = query("some", "SELECT 1", 10);
  removed.removed = false;
  auto config = configuration({pack("main", {snapshot, removed, query("events", "SELECT * FROM some_events", 10)})});
  config.flags.set("schedule_epoch", "7");
  config.flags.set("logger_numerics", "true");
  config.flags.set("nullvalue", "NIL");
  apply(config);
  pass(9s);
  ASSERT_TRUE(run_to(3));
  for (const auto& [plan, decorations, rows] : differential_.runs()) {
    EXPECT_EQ(plan.epoch, 7u);
    EXPECT_EQ(plan.snapshot, plan.name == "snap");
    EXPECT_EQ(plan.removed, plan.name != "some");
    EXPECT_EQ(plan.events, plan.name == "events");
    EXPECT_TRUE(plan.numerics);
    EXPECT_EQ(plan.null_value, "NIL");
    EXPECT_TRUE(plan.log);
  }
  EXPECT_EQ(count_lines("new scheduled query: snap"), 0u);
}

// SCH-08: a slow query does not delay the rest.
TEST_F(SchedulerTest, TwoRunSideBySideAndASlowOneHoldsUpNobody) {
  apply({query("slow", "SELECT * FROM gate", 10), query("light", "SELECT 1", 10)});
  for (std::size_t i = 1; i <= 3; ++i) {
    pass(10s);
    ASSERT_TRUE(runs_to("light", i));
  }
  EXPECT_EQ(gate_.waiting, 1) << "never twice beside itself";
  gate_.open = true;
  ASSERT_TRUE(runs_to("slow", 1));
  const auto names = differential_.names_run();
  EXPECT_EQ(names.back(), "slow");
}

TEST_F(SchedulerTest, MissedTurnsAreRunOnceAfterASuspend) {
  apply({query("a", "SELECT 1", 10)});
  pass(9s);
  ASSERT_TRUE(run_to(1));
  pass(8h);
  ASSERT_TRUE(run_to(2));
  pass(9s);
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(differential_.runs().size(), 2u);
  pass(1s);
  ASSERT_TRUE(run_to(3));
}

TEST_F(SchedulerTest, StepsOfTheWallClockHarmNothing) {
  constexpr std::int64_t kYears = 10ll * 365 * 86400;
  apply({query("a", "SELECT 1", 10)});
  pass(9s);
  ASSERT_TRUE(run_to(1));
  std::size_t runs = 1;
  for (const auto step : {kYears, -2 * kYears, kYears, -kYears}) {
    clock_.step(step);
    std::this_thread::sleep_for(5ms);
    EXPECT_EQ(differential_.runs().size(), runs) << "not a run more";
    pass(10s);
    ASSERT_TRUE(run_to(++runs)) << "and none less";
  }
}

// The budget of time (LIM-02): the query ends, is told, and is left out for a day; the rest go on.
TEST_F(SchedulerTest, AnEndlessQueryEnds) {
  auto config = configuration({pack("main", {query("endless", kEndless, 10), query("light", "SELECT 1", 10)})});
  config.flags.set("schedule_query_seconds", "1");
  apply(config);
  pass(9s);
  ASSERT_TRUE(becomes_denylisted("endless"));
  EXPECT_TRUE(is_told("Error executing scheduled query endless: the query exceeded its time limit of 1000 ms"));
  EXPECT_TRUE(is_told("scheduled query endless is on the denylist for a day: the query exceeded its time limit"));
  for (int i = 0; i < 3; ++i) pass(10s), std::this_thread::sleep_for(5ms);
  EXPECT_TRUE(runs_to("light", 2));
  EXPECT_TRUE(is_told("scheduled query endless is on the denylist and left out"));
  EXPECT_EQ(count_lines("is on the denylist and left out"), 1u);

  restart();
  apply(config);
  EXPECT_TRUE(report("endless").denylisted) << "also over a restart";
  clock_.step(-10 * 365 * 86400);  // and whatever becomes of the clock,
  pass(24h);                       // not longer than a day
  EXPECT_FALSE(report("endless").denylisted);

  const auto limits = limits_.list();
  const auto time = std::ranges::find(limits, "query_time", &Limit::name);
  ASSERT_NE(time, limits.end());
  EXPECT_EQ(time->struck, 1);
  EXPECT_EQ(time->limit_value, 1000);
  EXPECT_EQ(time->configured_by, "schedule_query_seconds");
}

TEST_F(SchedulerTest, AQueryThatEatsProcessorTimeEnds) {
  auto config = configuration({pack("main", {query("eater", kEndless, 10)})});
  config.flags.set("schedule_query_cpu_seconds", "1");
  apply(config);
  pass(9s);
  ASSERT_TRUE(becomes_denylisted("eater"));
  EXPECT_TRUE(is_told("the query exceeded its limit of 1000 ms of CPU time"));
}

TEST_F(SchedulerTest, AQueryThatEatsMemoryFailsAlone) {
  constexpr auto kGreedy =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000) "
      "SELECT group_concat(hex(randomblob(1000))) FROM n";
  auto config = configuration({pack("main", {query("greedy", kGreedy, 10), query("light", "SELECT 1", 10)})});
  config.flags.set("schedule_query_memory_mb", "16");
  apply(config);
  pass(9s);
  ASSERT_TRUE(becomes_denylisted("greedy"));
  EXPECT_TRUE(is_told("Error executing scheduled query greedy: the query exceeded its limit of 16 MB of memory"));
  const auto used = report("greedy").statistics.last.memory;
  EXPECT_LE(used, 16u << 20);
  EXPECT_GT(used, 4u << 20);
  pass(10s);
  EXPECT_TRUE(runs_to("light", 2));
}

TEST_F(SchedulerTest, RowsAndBytesOfAResultAreBounded) {
  constexpr auto kMany = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100) SELECT i FROM n";
  auto config =
      configuration({pack("main", {query("rows", kMany, 10), query("bytes", "SELECT randomblob(2000000) AS b", 10)})});
  config.flags.set("schedule_query_rows", "50");
  config.flags.set("schedule_query_result_mb", "1");
  apply(config);
  pass(9s);
  EXPECT_TRUE(is_told("Error executing scheduled query rows: the query exceeded its limit of 50 rows"));
  EXPECT_TRUE(is_told("Error executing scheduled query bytes: the query exceeded its limit of 1 MB of results"));
  EXPECT_FALSE(report("rows").denylisted);
  EXPECT_THAT(differential_.runs(), IsEmpty()) << "half a result is none";
}

TEST_F(SchedulerTest, ATableThatThrowsIsAnErrorOfItsQuery) {
  apply({query("a", "SELECT * FROM thrower", 10), query("b", "SELECT 1", 10)});
  pass(9s);
  EXPECT_TRUE(is_told("Error executing scheduled query a: table thrower: a fault of mine"));
  EXPECT_TRUE(runs_to("b", 1));
  EXPECT_EQ(runs_of("a"), 0u);
}

TEST_F(SchedulerTest, AResultThatCannotBeTakenIsAnErrorAndTheNextRunIsFine) {
  apply({query("a", "SELECT 1", 10), query("nothing", "SELECT 1 WHERE 0", 10)});
  differential_.refuse_once("no room");
  pass(9s);
  EXPECT_TRUE(is_told(": store: no room"));
  EXPECT_TRUE(run_to(1));
  differential_.throw_once();
  pass(10s);
  EXPECT_TRUE(is_told(": a bug"));
  EXPECT_TRUE(run_to(2));
  EXPECT_TRUE(comes([&] { return !has_key(store::Family::configuration, "running.a"); }));
  EXPECT_TRUE(comes([&] { return !has_key(store::Family::configuration, "running.nothing"); }));
  pass(10s);
  EXPECT_TRUE(run_to(4));
}

// CFG-09: named once, before its turn; tried again when tables have come.
TEST_F(SchedulerTest, WhatDoesNotPrepareIsNamedOnceAndTriedAgainLater) {
  auto config = configuration({pack("main", {query("broken", "SELECT * FROM later", 10), query("b", "SELECT 1", 10)})});
  apply(config);
  EXPECT_TRUE(is_told("Error executing scheduled query broken: no such table: later"));
  for (std::size_t i = 1; i <= 3; ++i) {
    pass(10s);
    ASSERT_TRUE(runs_to("b", i));
  }
  EXPECT_EQ(count_lines("no such table"), 1u);
  config.views.emplace("later", "SELECT 5 AS five");
  apply(config);
  pass(10s);
  EXPECT_TRUE(runs_to("broken", 1));
}

TEST_F(OsquerySchedulerTest, WhatDoesNotPrepareIsToldEachTime) {
  apply({query("broken", "SELECT * FROM later", 10)});
  for (std::size_t i = 1; i <= 3; ++i) {
    pass(10s);
    ASSERT_TRUE(comes([&] { return count_lines("scheduled query broken: no such table: later") == i; }));
  }
}

TEST_F(SchedulerTest, ARepeatedErrorIsToldOnceAnHourWithACount) {
  apply({query("a", "SELECT * FROM thrower", 600)});
  for (std::uint64_t i = 1; i <= 7; ++i) {
    pass(600s);
    ASSERT_TRUE(comes([&] { return report("a").statistics.executions == i; }));
  }
  EXPECT_EQ(count_lines("a fault of mine"), 2u);
  EXPECT_TRUE(is_told("a fault of mine (6 times since it was said last)"));
}

TEST_F(SchedulerTest, TheQueryThatRanAtALimitIsDenylistedAtOnce) {
  apply({query("b:a", "SELECT * FROM gate", 10)});
  pass(9s);
  ASSERT_TRUE(comes([&] { return gate_.waiting == 1; }));
  die(Death{Death::Kind::cpu_limit});
  EXPECT_TRUE(is_told("scheduled query b:a is on the denylist for a day: the agent died while it ran (limit:cpu)"));
  apply({query("b:a", "SELECT * FROM gate", 10), query("c", "SELECT 1", 10)});
  EXPECT_TRUE(report("b:a").denylisted);
  pass(10s);
  EXPECT_TRUE(runs_to("c", 1));
  EXPECT_EQ(gate_.waiting, 0);
}

// Weakness 7: a crash of something else costs a query nothing the first time.
TEST_F(SchedulerTest, AfterAnotherDeathItIsDenylistedTheSecondTimeInARow) {
  const std::vector queries = {query("a", "SELECT * FROM gate", 10)};
  const auto run_into_death = [&] {
    apply(queries);
    pass(10s);
    ASSERT_TRUE(comes([&] { return gate_.waiting == 1; }));
    die(Death{Death::Kind::signal, 9});
  };
  run_into_death();
  EXPECT_TRUE(is_told("scheduled query a next runs alone: the agent died while it ran (signal:9)"));
  apply(queries);
  EXPECT_FALSE(report("a").denylisted);
  gate_.open = true;  // this time it finishes, which clears it
  pass(10s);
  ASSERT_TRUE(runs_to("a", 1));
  gate_.open = false;
  run_into_death();
  apply(queries);
  EXPECT_FALSE(report("a").denylisted);
  run_into_death();
  apply(queries);
  EXPECT_TRUE(report("a").denylisted);
}

TEST_F(SchedulerTest, TwoInFlightAtADeathNextRunAlone) {
  const std::vector queries = {query("a", "SELECT * FROM gate", 10), query("b", "SELECT * FROM gate", 10),
                               query("c", "SELECT 1", 10)};
  apply(queries);
  pass(9s);
  ASSERT_TRUE(comes([&] { return gate_.waiting == 2; }));
  die(Death{Death::Kind::memory_limit});
  const auto before = runs_of("c");
  apply(queries);
  EXPECT_FALSE(report("a").denylisted || report("b").denylisted) << "who of the two it was is not known";
  pass(10s);
  ASSERT_TRUE(comes([&] { return gate_.waiting == 1; }));
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(gate_.waiting, 1);
  EXPECT_EQ(runs_of("c"), before);
  // It dies again: now the one that ran alone is known.
  die(Death{Death::Kind::memory_limit});
  apply(queries);
  EXPECT_TRUE(report("a").denylisted);
  EXPECT_FALSE(report("b").denylisted);
  gate_.open = true;
  pass(10s);
  EXPECT_TRUE(runs_to("b", 1));
  EXPECT_TRUE(runs_to("c", before + 1));
}

// SIGUSR1, which the watcher sends before it ends the worker: an orderly end does not clear what ran.
TEST_F(SchedulerTest, WhatRanWhenALimitWasHitStaysMarked) {
  apply({query("a", "SELECT * FROM gate", 10)});
  pass(9s);
  ASSERT_TRUE(comes([&] { return gate_.waiting == 1; }));
  scheduler_->limit_hit();
  restart();
  apply({query("a", "SELECT * FROM gate", 10)});
  EXPECT_TRUE(report("a").denylisted);
}

TEST_F(SchedulerTest, AnOrderlyStopLeavesNoMarks) {
  apply({query("a", "SELECT * FROM gate", 10), query("endless", kEndless, 10)});
  pass(9s);
  ASSERT_TRUE(comes([&] { return gate_.waiting == 1; }));
  scheduler_->stop();
  EXPECT_FALSE(has_key(store::Family::configuration, "running.a"));
  EXPECT_FALSE(has_key(store::Family::configuration, "running.endless"));
  EXPECT_EQ(report("a").statistics.executions, 0u);
  EXPECT_EQ(count_lines("Error executing"), 0u);
}

TEST_F(SchedulerTest, WhoeverIsExemptRunsAlthoughDenylisted) {
  auto exempt = query("exempt", "SELECT 1 FROM gate", 10);
  const auto events = query("events", "SELECT * FROM some_events", 10);
  exempt.denylist = false;
  {
    Denylist list(*store_, clock_, static_cast<Tick>(kStart));
    list.add("exempt", "test", static_cast<Tick>(kStart));
    list.add("events", "test", static_cast<Tick>(kStart));
  }
  restart();
  gate_.open = true;
  apply({exempt, events});
  pass(9s);
  EXPECT_TRUE(runs_to("exempt", 1));
  EXPECT_TRUE(runs_to("events", 1));
}

// The recording watch/.
TEST_F(OsquerySchedulerTest, RecordingOfTheWatchdog) {
  auto light = query("light", "SELECT denylisted, executions, name FROM osquery_schedule", 4);
  light.snapshot = true;
  const std::vector queries = {query("heavy", "SELECT * FROM gate", 6), light};
  apply(configuration({pack("main", queries)}));
  pass(12s);
  ASSERT_TRUE(comes([&] { return gate_.waiting == 1; }));
  die(Death{Death::Kind::cpu_limit});
  EXPECT_THAT(lines(), Contains("Scheduled query may have failed: heavy"));
  apply(queries);
  const auto before = runs_of("light");
  // On a busy machine a turn may come late, and two as one.
  for (int i = 0; i < 3000 && runs_of("light") < before + 4; ++i) pass(6s), std::this_thread::sleep_for(10ms);
  ASSERT_TRUE(runs_to("light", before + 4));
  EXPECT_TRUE(is_told("The caller does not want denied queries, skipping denied scheduled query: heavy"));
  EXPECT_EQ(count_lines("skipping denied"), 1u);
  const auto rows = differential_.runs().back().rows;
  EXPECT_THAT(rows, ElementsAre("1,0,heavy", testing::StartsWith("0,")));
}

// The recording pack/: order, gates, discovery, turns of the start.
TEST_F(OsquerySchedulerTest, RecordingOfPacks) {
  const auto with = [](protocol::Query one, auto&& change) {
    change(one);
    return one;
  };
  auto on = pack("on", {query("q1", "select 'on.q1' as a", 4),
                        with(query("snap", "select 'on.snap' as a", 4), [](auto& q) { q.snapshot = true; })});
  on.platform = "linux";
  on.version = "1.4.0";
  on.discovery = {"select 1", "select 2"};
  auto off = pack("off", {query("q", "select 'off' as a", 4)});
  off.discovery = {"select 1 where 0"};
  auto err = pack("err", {query("q", "select 'err' as a", 4)});
  err.discovery = {"select * from no_such_table"};
  auto plat = pack("plat", {query("q", "select 'plat' as a", 4)});
  plat.platform = "darwin";
  auto ver = pack("ver", {query("q", "select 'ver' as a", 4)});
  ver.version = "99.0.0";
  auto shard = pack("shard100", {query("q1", "select 'shard100' as a", 4)});
  shard.shard = 100;
  auto packs = with(query("packs",
                          "select active, discovery_cache_hits > 0 as hits, discovery_executions, name, platform, "
                          "shard, version from osquery_packs",
                          8),
                    [](auto& q) { q.snapshot = true; });
  auto main =
      pack("main", {query("noprio", "select 'noprio' as p", 600),
                    with(query("prio2", "select 'prio2' as p", 600), [](auto& q) { q.startup_priority = 2; }),
                    with(query("prio1", "select 'prio1' as p", 600), [](auto& q) { q.startup_priority = 1; }),
                    with(query("posix", "select 'posix' as a", 5), [](auto& q) { q.platform = "posix"; }), packs});
  auto config = configuration({main, on, off, err, plat, ver, shard,
                               pack("file", {query("pf", "select 'from file' as src", 4)}), pack("empty", {})});
  // Forced splay would move them; what is kept in the store does not.
  store::Batch batch;
  for (const auto* kept : {"pack_on_q1 4", "pack_on_snap 4", "pack_shard100_q1 4", "pack_file_pf 4", "packs 8",
                           "posix 5", "noprio 600", "prio1 600", "prio2 600"}) {
    const std::string_view text(kept);
    const auto interval = text.substr(text.find(' ') + 1);
    batch.put(store::Family::configuration, splay_key(text.substr(0, text.find(' '))),
              fmt::format("{}:{}", interval, interval));
  }
  ASSERT_TRUE(store_->write(batch));
  clock_.step(1'800'000'001 - kStart);
  restart(1);
  apply(config);
  ASSERT_TRUE(run_to(2));
  EXPECT_THAT(differential_.names_run(), ElementsAre("prio1", "prio2"));
  pass(3s);
  ASSERT_TRUE(run_to(6));
  pass(1s);
  ASSERT_TRUE(run_to(7));
  EXPECT_THAT(differential_.names_run(),
              ElementsAre("prio1", "prio2", "pack_on_q1", "pack_on_snap", "pack_shard100_q1", "pack_file_pf", "posix"));
  EXPECT_THAT(discovered_, ElementsAre(PackId{"/test.conf", "on"}));
  EXPECT_TRUE(is_told("Discovery query failed (select * from no_such_table): no such table: no_such_table"));
  pass(3s);
  ASSERT_TRUE(runs_to("packs", 1));
  std::vector<std::string> rows;
  for (const auto& run : differential_.runs())
    if (run.plan.name == "packs") rows = run.rows;
  EXPECT_THAT(rows, ElementsAre("1,1,1,main,,0,", "1,1,1,on,linux,0,1.4.0", "0,1,1,off,,0,", "0,1,1,err,,0,",
                                "0,0,0,plat,darwin,0,", "0,0,0,ver,,0,99.0.0", "1,1,1,shard100,,100,", "1,1,1,file,,0,",
                                "1,1,1,empty,,0,"));
}

TEST_F(SchedulerTest, DecoratorsAreOnEachRun) {
  auto config = configuration({pack("main", {query("a", "SELECT 1", 10)})});
  config.decorators.push_back({"/one.conf",
                               {{"SELECT 'L' AS loaded, NULL AS unknown", "SELECT * FROM missing"},
                                {"SELECT 'A' AS always UNION SELECT 'B'"},
                                {{60, {"SELECT 'I' AS interval"}}, {0, {"SELECT 1 AS never"}}}}});
  config.decorators.push_back({"/two.conf", {{"SELECT 2 AS loaded"}, {}, {}}});
  config.flags.set("nullvalue", "-");
  apply(config);
  pass(9s);
  ASSERT_TRUE(run_to(1));
  EXPECT_THAT(differential_.runs()[0].decorations,
              ElementsAre(Pair("always", "A"), Pair("loaded", "2"), Pair("unknown", "-")));
  pass(60s);
  ASSERT_TRUE(run_to(2));
  // The other query thread may still have been asking the decorator.
  pass(10s);
  ASSERT_TRUE(run_to(3));
  EXPECT_THAT(differential_.runs()[2].decorations, Contains(Pair("interval", "I")));
  EXPECT_EQ(count_lines("SELECT * FROM missing: no such table"), 1u);
  EXPECT_EQ(count_lines("more than one row"), 1u);
  config.decorators.pop_back();
  apply(config);
  pass(10s);
  ASSERT_TRUE(run_to(4));
  EXPECT_THAT(differential_.runs()[3].decorations, Contains(Pair("loaded", "L"))) << "the other source's is gone";
  config.flags.set("disable_decorators", "true");
  apply(config);
  pass(10s);
  ASSERT_TRUE(run_to(5));
  EXPECT_THAT(differential_.runs()[4].decorations, IsEmpty());
}

// AGT-19, and "they are exact": what osquery_schedule says a query cost is what the kernel says of the threads.
TEST_F(SchedulerTest, StatisticsAreTheKernels) {
  constexpr auto kWork =
      "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 3000000) SELECT max(x) FROM c";
  const auto before = ticks_of_query_threads();
  ASSERT_EQ(before, 0u);
  apply({query("work", kWork, 10), query("memory", "SELECT length(randomblob(5000000))", 10)});
  pass(9s);
  ASSERT_TRUE(
      comes([&] { return report("work").statistics.executions == 1 && report("memory").statistics.executions == 1; }));
  const auto kernel_ms = ticks_of_query_threads() * 10;
  const auto cost = report("work").statistics.last;
  const auto other = report("memory").statistics.last;  // a sanitizer makes it dear
  const auto ours_ms = (cost.user_us + cost.system_us + other.user_us + other.system_us) / 1000;
  EXPECT_GT(ours_ms, 20u);
  // Beyond what is ours the threads have opened their connections, and checked the queries.
  EXPECT_LE(ours_ms, kernel_ms + 60);
  EXPECT_GE(ours_ms + 60, kernel_ms - kernel_ms / 10);
  EXPECT_GE(cost.wall_us + 10'000, cost.user_us + cost.system_us);
  EXPECT_GE(other.memory, 5'000'000u);
  EXPECT_LT(other.memory, 5'500'000u);
  EXPECT_EQ(report("memory").statistics.output_size, 7u);
  EXPECT_EQ(report("memory").statistics.last_executed, clock_.unix_time());
}

TEST_F(SchedulerTest, StatisticsSurviveARestartAndGoWithTheSql) {
  apply({query("a", "SELECT 1", 10)});
  pass(9s);
  ASSERT_TRUE(comes([&] { return report("a").statistics.executions == 1; }));
  const auto before = report("a").statistics;
  pass(1s);  // else it is due at the new start again
  restart();
  apply({query("a", "SELECT 1", 10)});
  EXPECT_EQ(report("a").statistics, before);
  apply({query("a", "SELECT 2", 10)});
  EXPECT_EQ(report("a").statistics, QueryStatistics{});
  EXPECT_TRUE(is_told("Clearing performance stats for query: a"));
  pass(10s);
  EXPECT_TRUE(is_told("Scheduled query has been updated: a"));
}

TEST_F(SchedulerTest, WhatIsGoneForAWeekIsForgotten) {
  apply({query("a", "SELECT 1", 10), query("b", "SELECT 1", 10)});
  pass(9s);
  ASSERT_TRUE(runs_to("a", 1));
  ASSERT_TRUE(runs_to("b", 1));
  apply({query("b", "SELECT 1", 10)});
  pass(592'199s);
  apply({query("b", "SELECT 1", 10)});
  EXPECT_THAT(differential_.forgotten(), IsEmpty());
  pass(1s);
  apply({query("b", "SELECT 1", 10)});
  EXPECT_THAT(differential_.forgotten(), ElementsAre("a"));
  EXPECT_FALSE(has_key(store::Family::statistics, "a"));
  EXPECT_TRUE(has_key(store::Family::statistics, "b"));
}

TEST_F(SchedulerTest, WhatComesBackInTimeIsKept) {
  const auto both = [] { return std::vector{query("a", "SELECT 1", 10), query("b", "SELECT 1", 10)}; };
  apply(both());
  pass(9s);
  ASSERT_TRUE(runs_to("a", 1));
  apply({query("b", "SELECT 1", 10)});
  pass(500'000s);
  apply(both());
  apply({query("b", "SELECT 1", 10)});
  pass(500'000s);
  apply(both());
  EXPECT_THAT(differential_.forgotten(), IsEmpty());
}

// AGT-16
TEST_F(SchedulerTest, WhatCouldNotBeLookedAtIsListedAndToldOnce) {
  apply({query("a", "SELECT * FROM warner", 10), query("b", "SELECT * FROM osprey_scan_errors", 10)});
  for (std::size_t i = 1; i <= 3; ++i) {
    pass(10s);
    ASSERT_TRUE(runs_to("a", i));
    ASSERT_TRUE(runs_to("b", i));
  }
  ASSERT_TRUE(comes([&] { return report("a").statistics.executions == 3; }));
  const auto errors = scan_errors_.list();
  ASSERT_EQ(errors.size(), 1u) << "those of the table about them are not counted";
  EXPECT_EQ(errors[0].table, "warner");
  EXPECT_EQ(errors[0].query, "a");
  EXPECT_EQ(errors[0].count, 3u);
  EXPECT_EQ(count_lines("warner: /secret: Permission denied"), 1u);
}

TEST_F(SchedulerTest, AHundredConfigurationsWhileQueriesRun) {
  for (int i = 0; i < 100; ++i) {
    auto config = configuration({pack("main", {query("steady", "SELECT 1", 1), query("slow", "SELECT * FROM gate", 1),
                                               query(fmt::format("new{}", i), fmt::format("SELECT {}", i), 1)})});
    if (i % 2 == 0) config.views.emplace("v", "SELECT 1");
    config.decorators.push_back({"/test.conf", {{fmt::format("SELECT {} AS n", i)}, {}, {}}});
    apply(config);
    pass(1s);
    if (i % 10 == 0) {
      ASSERT_TRUE(runs_to(fmt::format("new{}", i), 1));
    }
  }
  EXPECT_EQ(gate_.waiting, 1);
  gate_.open = true;
  EXPECT_TRUE(runs_to("slow", 1));
  EXPECT_TRUE(runs_to("new99", 1));
  EXPECT_EQ(count_lines("Error"), 0u);
}

TEST_F(SchedulerTest, AfterItsTimeoutTheScheduleEnds) {
  auto config = configuration({pack("main", {query("a", "SELECT 1", 10)})});
  config.flags.set("schedule_timeout", "15");
  apply(config);
  pass(9s);
  ASSERT_TRUE(run_to(1));
  pass(20s);
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(differential_.runs().size(), 1u);
}

}  // namespace
}  // namespace osprey::agent
