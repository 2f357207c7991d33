// What the tests of the differential run on: an agent's store, log buffer and differential that can die and be opened
// again, results made of SQL, and a sink that takes what was logged.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/differential/differential.h"
#include "agent/limits/losses.h"
#include "agent/logging/log_buffer.h"
#include "agent/logging/status_log.h"
#include "base/text.h"
#include "sql/connection.h"
#include "store/failing_store.h"
#include "store/memory_store.h"

namespace osprey::agent::testing {

inline sql::Connection& connection() {
  static const sql::Registry registry;
  static sql::Connection connection([] {
    sql::ConnectionOptions options;
    options.registry = &registry;
    return options;
  }());
  return connection;
}

// Feeds a run with every row of every statement in `sql`.
inline Result<void> feed(sql::Connection& database, ResultRun& run, std::string_view sql) {
  database.begin({});
  while (true) {
    auto statement = database.prepare(sql);
    if (!statement) return failure("sql", statement.error().message);
    if (!*statement) return {};
    for (;;) {
      const auto row = (*statement)->step();
      if (!row) return failure("sql", row.error().message);
      if (!*row) break;
      if (auto added = run.add(**statement); !added) return added;
    }
  }
}

class Agent {
 public:
  using Faults = std::function<store::Fault(store::FaultPoint)>;
  static store::Fault none(store::FaultPoint) { return store::Fault::none; }

  explicit Agent(const DifferentialOptions& options = {}) { EXPECT_TRUE(open(options)); }

  // As a new process finds the store. `faults` strike its writes.
  Result<void> open(const DifferentialOptions& options, Faults faults = none) {
    close();
    status_ = std::make_unique<StatusLog>();
    status_->set_levels({.to_stderr = false});
    status_->set_receiver([this](const protocol::StatusLine& line) { told.push_back(line.message); });
    store_ = store::failing_store(disk, std::move(faults));
    losses_ = std::make_unique<Losses>(*store_);
    buffer_ = TRY(open_log_buffer(*store_, *losses_, *status_, {}));
    differential = make_differential(*store_, *buffer_, *status_, options);
    return buffer_->set_sinks({"sink"});
  }
  void close() {
    differential.reset();
    buffer_.reset();
    losses_.reset();
    store_.reset();
  }

  Result<RunOutcome> run(std::string_view rows, const RunPlan& plan) {
    auto run = differential->begin(plan, {"host", {}, [] { return std::int64_t{1000}; }});
    if (!run) return std::unexpected(run.error());
    if (auto fed = feed(connection(), **run, rows); !fed) return std::unexpected(fed.error());
    return (*run)->finish();
  }

  // The lines that are there to take, whole ones, all of which acknowledge() says the sink has.
  std::vector<std::string> take() {
    std::vector<std::string> lines;
    const auto taken = buffer_->take("sink", 1 << 30, std::chrono::milliseconds(0));
    EXPECT_TRUE(taken) << taken.error().text();
    if (!taken || taken->empty()) return lines;
    taken_ = taken->back().next;
    std::string text;
    std::size_t ends = 0;
    bool goes_on = false;
    for (const auto& [next, record] : *taken) {
      EXPECT_EQ(record.continues, goes_on);
      goes_on = record.goes_on;
      EXPECT_EQ(record.text.ends_with('\n'), !goes_on);
      text += record.text;
      ends += record.lines;
    }
    EXPECT_FALSE(goes_on);
    for (const auto line : Lines(text)) lines.emplace_back(line);
    EXPECT_EQ(lines.size(), ends);
    return lines;
  }
  void acknowledge() { (void)buffer_->acknowledge("sink", taken_); }
  std::vector<std::string> lines() {
    auto lines = take();
    acknowledge();
    return lines;
  }

  std::shared_ptr<store::Store> disk = store::memory_store();
  std::unique_ptr<Differential> differential;
  std::vector<std::string> told;  // status lines

 private:
  std::unique_ptr<StatusLog> status_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Losses> losses_;
  std::unique_ptr<LogBuffer> buffer_;
  LogPosition taken_;
};

}  // namespace osprey::agent::testing
