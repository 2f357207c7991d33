#include "agent/schedule/query_runner.h"

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include <ctime>

#include "agent/config/auto_tables.h"
#include "agent/config/yara_settings.h"
#include "agent/sql_setup.h"
#include "sql/memory.h"

namespace osprey::agent {
namespace {

using Kind = QueryFailure::Kind;
using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using Steady = std::chrono::steady_clock;

constexpr std::int64_t kMostOfAFlag = 1'000'000'000;  // more is no bound, and would overflow in smaller units
constexpr milliseconds kCpuLook{10};                  // how often the CPU clock, a system call, is asked

nanoseconds thread_cpu() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

microseconds time_of(const timeval& time) { return std::chrono::seconds(time.tv_sec) + microseconds(time.tv_usec); }

// Measures the calling thread from its making on.
class Meter {
 public:
  Meter() { ::getrusage(RUSAGE_THREAD, &before_); }
  QueryCost cost(std::uint64_t memory) const {
    rusage after{};
    ::getrusage(RUSAGE_THREAD, &after);
    const auto count = [](auto duration) { return static_cast<std::uint64_t>(duration.count()); };
    QueryCost cost;
    cost.wall_us = count(duration_cast<microseconds>(Steady::now() - start_));
    cost.user_us = count(time_of(after.ru_utime) - time_of(before_.ru_utime));
    cost.system_us = count(time_of(after.ru_stime) - time_of(before_.ru_stime));
    cost.memory = memory;
    return cost;
  }

 private:
  Steady::time_point start_ = Steady::now();
  rusage before_{};
};

// Bytes of the current row's values.
std::uint64_t bytes_of(const sql::Statement& statement) {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < statement.size(); ++i) {
    const auto type = statement.type(i);
    const bool text = type == sql::ValueType::text || type == sql::ValueType::blob;
    bytes += text ? statement.text(i).size() : sizeof(std::int64_t);
  }
  return bytes;
}

}  // namespace

std::string QueryFailure::explained() const { return hint.empty() ? message : fmt::format("{} ({})", message, hint); }

QueryBudget budget_of(const Flags& flags) {
  const auto bound = [&](FlagName name) -> std::optional<std::uint64_t> {
    const auto number = std::min(flags.number(name), kMostOfAFlag);
    return number > 0 ? std::optional(static_cast<std::uint64_t>(number)) : std::nullopt;
  };
  const auto seconds = [&](FlagName name) -> std::optional<milliseconds> {
    const auto number = bound(name);
    return number ? std::optional<milliseconds>(std::chrono::seconds(*number)) : std::nullopt;
  };
  const auto megabytes = [&](FlagName name) -> std::optional<std::uint64_t> {
    const auto number = bound(name);
    return number ? std::optional(*number << 20) : std::nullopt;
  };
  QueryBudget budget;
  budget.wall = seconds("schedule_query_seconds");
  budget.cpu = seconds("schedule_query_cpu_seconds");
  budget.memory = megabytes("schedule_query_memory_mb");
  budget.rows = bound("schedule_query_rows");
  budget.result_bytes = megabytes("schedule_query_result_mb");
  return budget;
}

QueryRunner::QueryRunner(const RunnerParts& parts) : parts_(parts), program_(parts.program) {
  if (parts_.provide) parts_.provide(services_);
  if (parts_.journal) services_.provide(reads_.emplace(*parts_.journal));
  services_.provide(flags_);
  services_.provide(program_);
  services_.provide(prometheus_);
  services_.provide(yara_);
}

QueryRunner::~QueryRunner() = default;

void QueryRunner::configure(const ConfigurationPtr& configuration) {
  if (connection_ && !worn_ && configuration == configuration_) return;
  const bool same_tables = connection_ && !worn_ && configuration_->views == configuration->views &&
                           configuration_->auto_tables == configuration->auto_tables;
  configuration_ = configuration;
  flags_ = configuration->flags;
  prometheus_ = prometheus_targets(configuration->prometheus);
  yara_ = yara_settings(*configuration, program_, services_.find<Remote>());
  if (!same_tables) connect();
}

void QueryRunner::fault(const std::string& subject, const std::string& why) const {
  if (parts_.fault) parts_.fault(subject, why);
}

void QueryRunner::connect() {
  sql::ConnectionOptions options;
  options.registry = &parts_.registry;
  options.root = parts_.root;
  options.services = &services_;
  options.osquery_compatible = program_.osquery_compatible;
  options.hidden_tables = hidden_tables(flags_, parts_.registry);
  auto automatic = make_auto_tables(configuration_->auto_tables, parts_.registry, configuration_->views);
  for (const auto& note : automatic.notes) fault(note.where, note.text);
  options.extra_tables = std::move(automatic.tables);
  auto fresh = std::make_unique<sql::Connection>(std::move(options));
  fresh->on_progress([this] { look_at_cpu(); });
  for (const auto& [name, sql] : configuration_->views)
    if (const auto error = create_view(*fresh, name, sql)) fault(fmt::format("view {}", name), error->message);
  worn_ = false;
  std::lock_guard lock(mutex_);
  connection_.swap(fresh);
}

std::optional<sql::QueryError> QueryRunner::check(std::string_view sql) {
  connection_->begin({});
  const auto statement = connection_->prepare(sql);
  if (!statement) return statement.error();
  return std::nullopt;
}

bool QueryRunner::reads_only_events(std::string_view sql) { return !check(sql) && connection_->reads_only_events(); }

void QueryRunner::interrupt() {
  interrupted_ = true;
  std::lock_guard lock(mutex_);
  if (connection_) connection_->interrupt();
}

void QueryRunner::look_at_cpu() {
  if (!cpu_end_) return;
  const auto now = Steady::now();
  if (now < look_again_) return;
  look_again_ = now + kCpuLook;
  if (thread_cpu() < *cpu_end_) return;
  cpu_exceeded_ = true;
  connection_->interrupt();
}

QueryFailure QueryRunner::failure_of(const sql::QueryError& error, const QueryBudget& budget,
                                     bool memory_refused) const {
  if (error.code == SQLITE_INTERRUPT) {
    if (interrupted_) return {Kind::interrupted, error.message, {}};
    if (cpu_exceeded_)
      return {Kind::cpu, fmt::format("the query exceeded its limit of {} ms of CPU time", budget.cpu->count()), {}};
    return {Kind::wall, error.message, {}};
  }
  if (error.code == SQLITE_NOMEM && memory_refused)
    return {Kind::memory, fmt::format("the query exceeded its limit of {} MB of memory", *budget.memory >> 20), {}};
  if (error.code == SQLITE_TOOBIG && budget.rows && error.message.ends_with(" rows"))
    return {Kind::rows, error.message, {}};
  return {Kind::statement, error.message, error.hint};
}

std::optional<QueryFailure> QueryRunner::run_statements(std::string_view sql, const QueryBudget& budget,
                                                        const sql::MemoryBudget& memory, const Row& row,
                                                        QueryRun& run) {
  const auto fail = [&](const sql::QueryError& error) { return failure_of(error, budget, memory.exceeded()); };
  for (bool first = true;; first = false) {
    auto statement = connection_->prepare(sql);
    if (!statement) {
      auto failure = fail(statement.error());
      if (first && failure.kind == Kind::statement) failure.kind = Kind::prepare;
      return failure;
    }
    if (!*statement) return std::nullopt;
    for (;;) {
      const auto more = (*statement)->step();
      if (!more) return fail(more.error());
      if (!*more) break;
      ++run.rows;
      run.result_bytes += bytes_of(**statement);
      if (budget.result_bytes && run.result_bytes > *budget.result_bytes)
        return QueryFailure{Kind::result_bytes,
                            fmt::format("the query exceeded its limit of {} MB of results", *budget.result_bytes >> 20),
                            {}};
      if (const auto taken = row(**statement); !taken) return QueryFailure{Kind::results, taken.error().text(), {}};
    }
  }
}

QueryRun QueryRunner::run(std::string_view sql, const QueryBudget& budget, const Row& row, events::Marks* marks) {
  const Meter meter;
  if (reads_) reads_->go_by(marks);
  cpu_exceeded_ = false;
  cpu_end_.reset();
  if (budget.cpu) cpu_end_ = thread_cpu() + *budget.cpu;
  look_again_ = Steady::now() + kCpuLook;
  connection_->begin({budget.wall, budget.rows});
  QueryRun done;
  // Asked after begin(), which forgets an interrupt that came before.
  if (interrupted_) {
    done.failure = {Kind::interrupted, "interrupted", {}};
    return done;
  }
  const sql::MemoryBudget memory(budget.memory);
  done.failure = run_statements(sql, budget, memory, row, done);
  done.cost = meter.cost(memory.peak());
  cpu_end_.reset();
  worn_ = done.failure && done.failure->kind == Kind::memory;
  return done;
}

}  // namespace osprey::agent
