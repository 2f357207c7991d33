// What a scheduled query tells of event tables: each event once, whatever ends the agent.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/differential/testing.h"
#include "agent/schedule/event_marks.h"
#include "agent/schedule/fakes_test.h"
#include "agent/schedule/scheduler.h"
#include "base/temporary_tree.h"
#include "events/journal/journal.h"
#include "events/journal/testing.h"

namespace osprey::agent {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr sql::TableEntry kTables[] = {{"login_events", events::testing::login_events}};

// EVT-15, compat section 5.2.
class EventQueriesTest : public TemporaryTree {
 protected:
  EventQueriesTest() {
    auto opened = store::open_fifo({top / "journal", {{"logins", 4 << 20}}});
    if (!opened) throw std::runtime_error(opened.error().text());
    kept_ = std::move(opened->store);
    journal_ = std::make_unique<events::Journal>(*kept_, std::vector<std::string>{"logins"});
    registry_.add(kTables);
  }
  void log_in(std::string_view user) {
    const auto record = events::testing::record_of(user);
    const events::Journal::Row row{0, 1'800'000'000, record};
    ASSERT_TRUE(journal_->append({&row, 1}));
  }
  // A run of the query "logins" as the scheduler has it.
  Result<RunOutcome> run(testing::Agent& agent, RunPlan plan = {}) {
    plan.name = "logins";
    plan.sql = "SELECT user FROM login_events";
    plan.events = !plan.snapshot;
    auto marks = marks_of(*agent.disk, plan.name);
    plan.state = [&](store::Batch& batch) { put_marks(batch, plan.name, marks); };
    events::EventReads reads(*journal_);
    reads.go_by(&marks);
    sql::Services services;
    services.provide(reads);
    sql::Connection connection({.registry = &registry_, .services = &services});
    auto run = TRY(agent.differential->begin(plan, {"host", {}, [] { return std::int64_t{1000}; }}));
    TRY(testing::feed(connection, *run, plan.sql));
    return run->finish();
  }
  // Who is told of, in their order.
  static std::vector<std::string> users(testing::Agent& agent) {
    std::vector<std::string> users;
    for (const auto& line : agent.lines()) {
      const auto at = line.find(R"("user":")") + 8;
      users.push_back(line.substr(at, line.find('"', at) - at));
    }
    return users;
  }

  std::unique_ptr<store::FifoStore> kept_;
  std::unique_ptr<events::Journal> journal_;
  sql::Registry registry_;
};

TEST_F(EventQueriesTest, TellEachEventOnce) {
  testing::Agent agent;
  log_in("ann");
  log_in("bob");
  ASSERT_TRUE(run(agent));
  ASSERT_TRUE(run(agent));
  log_in("cid");
  ASSERT_TRUE(agent.open({}));
  ASSERT_TRUE(run(agent));
  EXPECT_THAT(users(agent), ElementsAre("ann", "bob", "cid"));
}

// A death at any write, before it or after, with lines staged in several batches: none is lost, none told twice.
TEST_F(EventQueriesTest, TellEachEventOnceWhateverEndsTheAgent) {
  const DifferentialOptions options{.small_bytes = 200, .batch_bytes = 200, .record_bytes = 100};
  std::vector<std::string> all;
  for (int i = 0; i < 40; ++i) {
    all.push_back(fmt::format("user{}", i));
    log_in(all.back());
  }
  std::uint64_t points = 0;
  for (bool died = true; died; ++points) {
    testing::Agent agent(options);
    died = false;
    try {
      ASSERT_TRUE(agent.open(
          options, [&](store::FaultPoint at) { return at.number == points ? store::Fault::die : store::Fault::none; }));
      static_cast<void>(run(agent));
    } catch (const store::Death&) {
      died = true;
    }
    ASSERT_TRUE(agent.open(options));
    ASSERT_TRUE(run(agent));
    EXPECT_EQ(users(agent), all) << "death " << points;
  }
  EXPECT_GT(points, 6u);
}

TEST_F(EventQueriesTest, OfSnapshotsLikewise) {
  testing::Agent agent;
  log_in("ann");
  RunPlan plan;
  plan.snapshot = true;
  plan.snapshot_event_format = true;
  ASSERT_TRUE(run(agent, plan));
  log_in("bob");
  ASSERT_TRUE(run(agent, plan));
  ASSERT_TRUE(run(agent, plan));
  EXPECT_THAT(users(agent), ElementsAre("ann", "bob"));
}

// Through the scheduler: by the name of each query, and all that is kept where --events_optimize is off.
TEST_F(EventQueriesTest, EachScheduledQueryHasItsOwnMarks) {
  constexpr auto kAll = "SELECT user FROM login_events";
  Program program;
  auto store = store::memory_store();
  FakeDifferential differential(store.get());
  StatusLog status;
  status.set_levels({.to_stderr = false});
  ScanErrors scan_errors;
  Limits limits;
  FakeClock clock(1'800'000'001);
  Scheduler scheduler({.program = program,
                       .registry = registry_,
                       .store = *store,
                       .differential = differential,
                       .status = status,
                       .scan_errors = scan_errors,
                       .limits = limits,
                       .journal = journal_.get(),
                       .provide = {},
                       .discovered = {},
                       .host_identifier = [] { return "host"; },
                       .host_name = "host",
                       .last_death = {},
                       .clock = clock,
                       .longest_wait = 1ms});
  const auto rows_of = [&](const std::string& name) {
    std::vector<std::string> rows;
    for (const auto& run : differential.runs())
      if (run.plan.name == name) rows.insert(rows.end(), run.rows.begin(), run.rows.end());
    return rows;
  };
  std::size_t runs = 0;
  const auto next_turn = [&](std::size_t queries) {
    clock.pass(10s);
    runs += queries;
    const auto over = [&] {
      const auto reports = scheduler.queries();
      return differential.runs().size() == runs && std::ranges::none_of(reports, &QueryReport::running);
    };
    for (int i = 0; i < 30'000 && !over(); ++i) std::this_thread::sleep_for(1ms);
    ASSERT_TRUE(over());
  };
  auto config = configuration({pack("main", {query("a", kAll, 10)})});
  config.generation = 1;
  log_in("ann");
  scheduler.apply(std::make_shared<const Configuration>(config));
  next_turn(1);
  EXPECT_THAT(rows_of("a"), ElementsAre("ann"));

  config = configuration({pack("main", {query("a", kAll, 10), query("b", kAll, 10)})});
  config.generation = 2;
  log_in("bob");
  scheduler.apply(std::make_shared<const Configuration>(config));
  next_turn(2);
  next_turn(2);
  EXPECT_THAT(rows_of("a"), ElementsAre("ann", "bob"));
  EXPECT_THAT(rows_of("b"), ElementsAre("ann", "bob"));

  config.flags.set("events_optimize", "false");
  config.generation = 3;
  scheduler.apply(std::make_shared<const Configuration>(config));
  next_turn(2);
  EXPECT_THAT(rows_of("a"), ElementsAre("ann", "bob", "ann", "bob"));
}

}  // namespace
}  // namespace osprey::agent
