#include "agent/schedule/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "agent/schedule/fakes_test.h"
#include "sql/memory.h"
#include "store/memory_store.h"

namespace osprey::agent {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::int64_t kStart = 1'800'000'001;  // no multiple of 10
constexpr auto kEndless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c";

struct Number {
  std::int64_t value;
};

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

sql::Rows<Number> throw_up(const sql::Scan&) {
  Number number{1};
  co_yield number;
  throw std::runtime_error("a fault of mine");
}
sql::Table thrower_table() {
  return sql::table<Number>("thrower", "Throws.", throw_up).column("value", &Number::value, "1.");
}

sql::Rows<Number> warn(const sql::Scan& scan) {
  scan.warn(Error{EACCES, "/secret", "Permission denied"});
  Number number{1};
  co_yield number;
}
sql::Table warner_table() { return sql::table<Number>("warner", "Warns.", warn).column("value", &Number::value, "1."); }

sql::Rows<Number> some_events(const sql::Scan&) {
  Number number{1};
  co_yield number;
}
sql::Table events_table() {
  sql::Table made = sql::table<Number>("some_events", "Events.", some_events).column("value", &Number::value, "1.");
  made.event_subscriber = true;
  return made;
}

constexpr sql::TableEntry kTables[] = {
    {"gate", gate_table}, {"thrower", thrower_table}, {"warner", warner_table}, {"some_events", events_table}};

class SchedulerTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    sqlite3_shutdown();  // other tests have used it
    ASSERT_TRUE(sql::account_for_memory());
  }

  void SetUp() override {
    gate = &gate_;
    registry_.add(kTables);
    status_.set_levels({.to_stderr = false, .verbose = true});
    status_.set_receiver([this](const protocol::StatusLine& line) {
      std::lock_guard lock(mutex_);
      lines_.push_back(line.message);
    });
    start();
  }
  void TearDown() override {
    gate_.open = true;
    scheduler_.reset();
  }

  // A new worker on the same store.
  void start(std::optional<Death> death = std::nullopt) {
    scheduler_.reset();
    scheduler_ = std::make_unique<Scheduler>(SchedulerParts{.program = program_,
                                                            .registry = registry_,
                                                            .store = *store_,
                                                            .differential = differential_,
                                                            .status = status_,
                                                            .scan_errors = scan_errors_,
                                                            .limits = limits_,
                                                            .host_identifier = [] { return "host"; },
                                                            .host_name = "host",
                                                            .last_death = death,
                                                            .clock = clock_,
                                                            .longest_wait = 1ms});
  }
  void apply(Configuration configuration) {
    configuration.generation = ++generation_;
    scheduler_->apply(std::make_shared<const Configuration>(std::move(configuration)));
  }
  // Waits, bounded, for what the query threads bring about.
  template <class F>
  static bool comes(F&& condition) {
    for (int i = 0; i < 20'000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(1ms);
    }
    return false;
  }
  bool run_to(std::size_t runs) {
    return comes([&] { return differential_.runs().size() >= runs; });
  }
  std::vector<std::string> lines() {
    std::lock_guard lock(mutex_);
    return lines_;
  }
  QueryReport report(const std::string& name) {
    for (const auto& one : scheduler_->queries())
      if (one.name == name) return one;
    return {};
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
  std::uint64_t generation_ = 0;
  std::unique_ptr<Scheduler> scheduler_;
};

TEST_F(SchedulerTest, RowsGoToTheDifferential) {
  apply(configuration({pack("main", {query("a", "SELECT 1 AS x, 'y' AS y; SELECT 2, 'z'", 10)})}));
  clock_.pass(9s);
  ASSERT_TRUE(run_to(1));
  EXPECT_THAT(differential_.runs()[0].rows, ElementsAre("1,y", "2,z"));
  EXPECT_THAT(lines(), Contains("Storing initial results for new scheduled query: a"));
  EXPECT_THAT(lines(), Contains("Executing scheduled query a: SELECT 1 AS x, 'y' AS y; SELECT 2, 'z'"));
}

}  // namespace
}  // namespace osprey::agent
