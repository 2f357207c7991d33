// QueryRunner: runs SQL for the schedule on a connection of its own, within a budget.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "agent/config/configuration.h"
#include "agent/program.h"
#include "agent/schedule/query_statistics.h"
#include "base/root.h"
#include "events/journal/event_rows.h"
#include "linux/yara/yara_settings.h"
#include "sql/connection.h"
#include "sql/memory.h"
#include "tables/network/prometheus_targets.h"

namespace osprey::agent {

// What one query may use. Absent: no bound.
struct QueryBudget {
  std::optional<std::chrono::milliseconds> wall;
  std::optional<std::chrono::milliseconds> cpu;  // of its thread
  std::optional<std::uint64_t> memory;           // bytes of SQLite's
  std::optional<std::uint64_t> rows;
  std::optional<std::uint64_t> result_bytes;
};
// The --schedule_query_… flags.
QueryBudget budget_of(const Flags& flags);

struct QueryFailure {
  enum class Kind : std::uint8_t {
    prepare,  // the text is wrong, or names a table that is not there
    statement,
    wall,
    cpu,
    memory,
    rows,
    result_bytes,
    interrupted,
    results,  // what the rows are for did not take them
  } kind = Kind::statement;
  std::string message;
  std::string hint;

  // The message, with the hint where there is one.
  std::string explained() const;
  // It used more than a query may: a reason to leave it out for a while.
  bool overran() const noexcept { return kind == Kind::wall || kind == Kind::cpu || kind == Kind::memory; }
};

struct QueryRun {
  std::optional<QueryFailure> failure;
  QueryCost cost;
  std::uint64_t rows = 0;
  std::uint64_t result_bytes = 0;  // of the rows' values
};

// What runners are made with; all outlive them.
struct RunnerParts {
  const Program& program;
  const sql::Registry& registry;
  Root root = Root::host();
  // What event tables read; null: there is none.
  const events::Journal* journal = nullptr;
  // Adds what tables may ask of the program, safe to be used from several threads, besides what the runner itself
  // provides as it is for the query's configuration: Flags, Program, tables::PrometheusTargets, linux::YaraSettings.
  std::function<void(sql::Services&)> provide;
  // Told what of a configuration does not work: a view's or table's name, and why.
  std::function<void(const std::string& subject, const std::string& why)> fault;
};

// Belongs to one thread, but for interrupt().
class QueryRunner {
 public:
  explicit QueryRunner(const RunnerParts& parts);
  ~QueryRunner();

  // From now on queries see this configuration. Cheap where views and tables stay as they are.
  void configure(const ConfigurationPtr& configuration);

  // Whether the first statement of `sql` prepares: what is wrong with it.
  std::optional<sql::QueryError> check(std::string_view sql);
  // Whether `sql` reads event tables and nothing else.
  bool reads_only_events(std::string_view sql);

  // Runs all statements of `sql`; `row` is given each row, and ends the query with its error. Event tables go by
  // `marks` and move them; null: all that is kept is read.
  using Row = std::function<Result<void>(const sql::Statement&)>;
  QueryRun run(std::string_view sql, const QueryBudget& budget, const Row& row, events::Marks* marks = nullptr);
  // Of the last run, or the one under way: its warnings and tables.
  const sql::Connection& connection() const { return *connection_; }

  // Ends the query that is running, and all that come after. From any thread.
  void interrupt();

 private:
  void connect();
  void fault(const std::string& subject, const std::string& why) const;
  void look_at_cpu();
  std::optional<QueryFailure> run_statements(std::string_view sql, const QueryBudget& budget,
                                             const sql::MemoryBudget& memory, const Row& row, QueryRun& run);
  QueryFailure failure_of(const sql::QueryError& error, const QueryBudget& budget, bool memory_refused) const;

  const RunnerParts& parts_;
  // What tables are given: copies, so that they stay as they are while a query reads them.
  ConfigurationPtr configuration_;
  Flags flags_;
  Program program_;
  tables::PrometheusTargets prometheus_;
  linux::YaraSettings yara_;
  std::optional<events::EventReads> reads_;
  sql::Services services_;

  std::mutex mutex_;  // of the pointer, against interrupt()
  std::unique_ptr<sql::Connection> connection_;
  bool worn_ = false;  // it ran short of memory, and what SQLite still holds goes with it
  std::atomic<bool> interrupted_ = false;

  std::optional<std::chrono::nanoseconds> cpu_end_;  // of the thread's CPU clock
  std::chrono::steady_clock::time_point look_again_;
  bool cpu_exceeded_ = false;
};

}  // namespace osprey::agent
