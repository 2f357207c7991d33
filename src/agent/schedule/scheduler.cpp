#include "agent/schedule/scheduler.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "agent/schedule/event_marks.h"
#include "agent/schedule/purge.h"
#include "agent/schedule/splay.h"

namespace osprey::agent {
namespace {

using store::Family;

constexpr std::size_t kMostTold = 4096;  // kinds of warnings that are remembered as told

// Remembers that `what` has been told. True the first time.
bool first_time(std::set<std::string, std::less<>>& told, std::string what) {
  if (told.size() == kMostTold) told.clear();
  return told.insert(std::move(what)).second;
}

}  // namespace

Scheduler::Scheduler(SchedulerParts parts)
    : parts_(std::move(parts)),
      ticks_(parts_.clock),
      started_at_(ticks_.now()),
      runner_parts_{.program = parts_.program,
                    .registry = parts_.registry,
                    .root = parts_.root,
                    .journal = parts_.journal,
                    .provide =
                        [this](sql::Services& services) {
                          if (parts_.provide) parts_.provide(services);
                          services.provide(*this);
                        },
                    .fault = [this](const auto& subject, const auto& why) { tell_fault(subject, why); }},
      decorators_([this](const auto& sql, const auto& why) { tell_fault(fmt::format("decorator {}", sql), why); }),
      denylist_(parts_.store, parts_.clock, started_at_),
      markers_(parts_.store, parts_.last_death) {
  report_deaths();
  parts_.limits.add([limits = limits_] { return limits->list(); });
}

Scheduler::~Scheduler() { stop(); }

void Scheduler::report_deaths() {
  for (const auto& found : markers_.found()) {
    if (found.guilty) denylist_.add(found.name, found.reason, started_at_);
    if (compatible())
      parts_.status.warning(fmt::format("Scheduled query may have failed: {}", found.name));
    else if (found.guilty)
      parts_.status.warning(
          fmt::format("scheduled query {} is on the denylist for a day: {}", found.name, found.reason));
    else
      parts_.status.warning(fmt::format("scheduled query {} next runs alone: {}", found.name, found.reason));
  }
}

void Scheduler::apply(ConfigurationPtr configuration) {
  std::set<std::string, std::less<>> names;
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return;
    configuration_ = std::move(configuration);
    const auto& flags = configuration_->flags;
    limits_->set(flags);
    auto percent = static_cast<std::uint64_t>(std::max<std::int64_t>(flags.number("schedule_splay_percent"), 0));
    // osquery cannot do without.
    if (percent <= 1) percent = compatible() ? 10 : 0;
    const auto now = ticks_.now();
    schedule_.apply(
        *configuration_, protocol::shard_number(parts_.host_name),
        [&](const auto& name, auto interval) { return splay_of(parts_.store, name, interval, percent); }, now);
    denylist_.expire(now);
    broken_.clear();
    load_statistics();
    for (const auto& query : schedule_.queries()) names.insert(query.name);
  }
  if (threads_.empty()) start();
  wake_.notify_all();
  purge_gone(parts_.store, parts_.differential, names, parts_.clock.unix_time());
}

void Scheduler::load_statistics() {
  std::map<std::string, Known, std::less<>> known;
  for (const auto& scheduled : schedule_.queries()) {
    const auto& name = scheduled.name;
    const auto& sql = scheduled.query.sql;
    if (known.contains(name)) continue;  // two documents have it: they share its state, the first its statistics
    Known now{sql, {}};
    const auto before = known_.find(name);
    bool changed = false;
    if (before != known_.end()) {
      changed = before->second.sql != sql;
      if (!changed) now.statistics = before->second.statistics;
    } else if (const auto kept = parts_.store.get(Family::statistics, name); kept && *kept) {
      changed = other_sql(**kept, sql);
      now.statistics = decode_statistics(**kept, sql);
    }
    if (changed) parts_.status.info(fmt::format("Clearing performance stats for query: {}", name));
    known.insert_or_assign(name, std::move(now));
  }
  known_ = std::move(known);
}

void Scheduler::start() {
  for (unsigned i = 0; i < parts_.threads; ++i) {
    auto& one = threads_.emplace_back(runner_parts_);
    one.thread = std::thread([this, &one] { work(one); });
    ::pthread_setname_np(one.thread.native_handle(), fmt::format("query {}", i + 1).c_str());
  }
}

void Scheduler::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& one : threads_) one.runner.interrupt();
  for (auto& one : threads_)
    if (one.thread.joinable()) one.thread.join();
}

void Scheduler::limit_hit() {
  std::lock_guard lock(mutex_);
  markers_.limit_hit();
}

std::vector<QueryReport> Scheduler::queries() const {
  std::lock_guard lock(mutex_);
  const auto now = ticks_.now();
  std::vector<QueryReport> reports;
  for (const auto& query : schedule_.queries()) {
    if (!schedule_.is_active(query.pack)) continue;
    QueryReport report{.name = query.name,
                       .sql = query.query.sql,
                       .interval = query.interval,
                       .denylisted = denylist_.find(query.name, now) != nullptr,
                       .running = schedule_.is_running(query.name),
                       .statistics = {}};
    if (const auto known = known_.find(query.name); known != known_.end()) report.statistics = known->second.statistics;
    reports.push_back(std::move(report));
  }
  return reports;
}

std::vector<ScheduledPack> Scheduler::packs() const {
  std::lock_guard lock(mutex_);
  return schedule_.packs();
}

// --schedule_timeout has passed.
bool Scheduler::timed_out(Tick now) const {
  const auto timeout = configuration_->flags.number("schedule_timeout");
  return timeout > 0 && now >= started_at_ + static_cast<Tick>(timeout);
}

void Scheduler::work(QueryThread& self) {
  std::unique_lock lock(mutex_);
  const auto is_suspect = [this](const std::string& name) { return markers_.is_suspect(name); };
  while (!stopping_) {
    const auto now = ticks_.now();
    auto job = timed_out(now) ? std::nullopt : schedule_.take(now, is_suspect);
    if (!job) {
      const auto next = schedule_.next(now);
      wake_.wait_for(lock, next ? std::min(ticks_.until(*next), parts_.longest_wait) : parts_.longest_wait);
      continue;
    }
    const auto configuration = configuration_;
    lock.unlock();
    try {
      run(self, *job, configuration);
    } catch (const std::exception& exception) {
      unmark(job->query.name);
      parts_.status.error(fmt::format("Error executing scheduled query {}: {}", job->query.name, exception.what()));
    }
    lock.lock();
    schedule_.finished(*job, ticks_.now());
    wake_.notify_all();
  }
}

void Scheduler::run(QueryThread& self, const Job& job, const ConfigurationPtr& configuration) {
  auto& runner = self.runner;
  runner.configure(configuration);
  switch (job.kind) {
    case Job::Kind::load_decorators:
      return decorators_.load(*configuration, runner);
    case Job::Kind::interval_decorators:
      return decorators_.ask_intervals(*configuration, job.intervals, runner);
    case Job::Kind::check:
      return check_queries(runner, *configuration);
    case Job::Kind::query:
      return run_query(runner, job.query, *configuration);
    case Job::Kind::discovery:
      break;
  }
  const auto answer = discover(runner, job.discovery, configuration->flags);
  if (!answer) return;
  std::set<PackId> discovered;
  {
    std::lock_guard lock(mutex_);
    schedule_.discovered(job, *answer, ticks_.now());
    discovered = schedule_.discovered_packs();
    if (discovered == discovered_) return;
    discovered_ = discovered;
  }
  if (parts_.discovered) parts_.discovered(std::move(discovered));
}

// A pack is for this host when each of its discovery queries has a row. Empty: interrupted.
std::optional<bool> Scheduler::discover(QueryRunner& runner, const std::vector<std::string>& queries,
                                        const Flags& flags) {
  for (const auto& sql : queries) {
    bool found = false;
    const auto done = runner.run(sql, budget_of(flags), [&](const sql::Statement&) -> Result<void> {
      found = true;
      return failure({}, "one row is enough");
    });
    if (found) continue;
    if (!done.failure) return false;
    if (done.failure->kind == QueryFailure::Kind::interrupted) return std::nullopt;
    const auto text = fmt::format("Discovery query failed ({}): {}", sql, done.failure->message);
    if (compatible() || errors_.add(text, {}, ticks_.now())) parts_.status.warning(text);
    return false;
  }
  return true;
}

// Names what does not prepare before it is due for the first time. osquery does not.
void Scheduler::check_queries(QueryRunner& runner, const Configuration& configuration) {
  if (compatible()) return;
  std::vector<ScheduledQuery> queries;
  {
    std::lock_guard lock(mutex_);
    queries = schedule_.queries();
  }
  for (const auto& query : queries) {
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return;
      if (!schedule_.is_active(query.pack)) continue;
    }
    const auto error = runner.check(query.query.sql);
    if (!error) continue;
    tell_failure(query, {QueryFailure::Kind::prepare, error->message, error->hint});
    std::lock_guard lock(mutex_);
    broken_.insert_or_assign(query.name, configuration.generation);
  }
}

// Under our own name a query that does not prepare is tried again when the configuration has changed, as tables may
// have come with it.
bool Scheduler::is_known_broken(const ScheduledQuery& query, const Configuration& configuration) const {
  if (compatible()) return false;
  std::lock_guard lock(mutex_);
  const auto found = broken_.find(query.name);
  return found != broken_.end() && found->second == configuration.generation;
}

bool Scheduler::is_denied(QueryRunner& runner, const ScheduledQuery& query) {
  std::string reason;
  {
    std::lock_guard lock(mutex_);
    const auto* entry = denylist_.find(query.name, ticks_.now());
    if (!entry || !query.query.denylist) return false;
    reason = entry->reason;
  }
  // Events that nobody reads would be lost.
  if (runner.reads_only_events(query.query.sql)) return false;
  {
    std::lock_guard lock(mutex_);
    if (!first_time(told_denied_, query.name)) return true;
  }
  parts_.status.warning(
      compatible()
          ? fmt::format("The caller does not want denied queries, skipping denied scheduled query: {}", query.name)
          : fmt::format("scheduled query {} is on the denylist and left out: {}", query.name, reason));
  return true;
}

void Scheduler::announce(const ScheduledQuery& query, const Flags& flags) {
  if (flags.boolean("schedule_lognames"))
    parts_.status.info(fmt::format("Executing scheduled query {}", query.name));
  else
    parts_.status.debug(fmt::format("Executing scheduled query {}: {}", query.name, query.query.sql));
}

RunPlan Scheduler::plan_of(const ScheduledQuery& query, const Flags& flags, bool events) const {
  RunPlan plan;
  plan.name = query.name;
  plan.sql = query.query.sql;
  plan.epoch = static_cast<std::uint64_t>(flags.number("schedule_epoch"));
  plan.snapshot = query.query.snapshot;
  plan.removed = query.query.removed;
  plan.events = events && flags.boolean("events_optimize");
  plan.event_format = flags.boolean("logger_event_type");
  plan.snapshot_event_format = flags.boolean("logger_snapshot_event_type");
  plan.numerics = flags.boolean("logger_numerics");
  plan.decorations_top_level = flags.boolean("decorations_top_level");
  plan.null_value = flags.text("nullvalue");
  plan.log = !flags.boolean("disable_logging");
  return plan;
}

protocol::Decorations Scheduler::decorations(const Configuration& configuration) const {
  if (configuration.flags.boolean("disable_decorators")) return {};
  return decorators_.last(configuration);
}

void Scheduler::run_query(QueryRunner& runner, const ScheduledQuery& query, const Configuration& configuration) {
  if (is_known_broken(query, configuration) || is_denied(runner, query)) return;
  const auto& flags = configuration.flags;
  RunContext context;
  context.host_identifier = parts_.host_identifier();
  context.now = [this] { return parts_.clock.unix_time(); };
  if (!flags.boolean("disable_decorators")) context.decorations = decorators_.current(configuration, runner);
  announce(query, flags);
  {
    std::lock_guard lock(mutex_);
    markers_.begin(query.name);
  }

  std::optional<events::Marks> marks;
  if (parts_.journal && flags.boolean("events_optimize")) marks = marks_of(parts_.store, query.name);
  // Begun with the first row, or after the last if there is none: what tables a query reads is known only then.
  RunPlan plan;
  std::unique_ptr<ResultRun> results;
  const auto begin = [&]() -> Result<void> {
    if (results) return {};
    plan = plan_of(query, flags, runner.connection().reads_events());
    if (marks) plan.state = [&](store::Batch& batch) { put_marks(batch, query.name, *marks); };
    results = TRY(parts_.differential.begin(plan, context));
    return {};
  };
  const auto take = [&](const sql::Statement& row) -> Result<void> {
    TRY(begin());
    return results->add(row);
  };
  auto done = runner.run(query.query.sql, budget_of(flags), take, marks ? &*marks : nullptr);
  std::uint64_t output_bytes = 0;
  if (!done.failure) {
    const auto finish = [&]() -> Result<RunOutcome> {
      TRY(begin());
      return results->finish();
    };
    if (const auto outcome = finish()) {
      output_bytes = outcome->output_bytes;
      tell_outcome(plan, *outcome);
      errors_.clear(query.name);
    } else {
      done.failure = {QueryFailure::Kind::results, outcome.error().text(), {}};
    }
  }
  results.reset();
  tell_warnings(query, runner.connection());
  if (done.failure && done.failure->kind != QueryFailure::Kind::interrupted) {
    tell_failure(query, *done.failure);
    if (done.failure->kind == QueryFailure::Kind::prepare) {
      std::lock_guard lock(mutex_);
      broken_.insert_or_assign(query.name, configuration.generation);
    }
    blame(query, *done.failure, runner.connection().reads_only_events());
  }
  finish_run(query, done, output_bytes);
}

void Scheduler::finish_run(const ScheduledQuery& query, const QueryRun& run, std::uint64_t output_bytes) {
  const auto unix_time = parts_.clock.unix_time();
  limits_->count(run, unix_time);
  store::Batch marker;
  store::Batch all;
  {
    std::lock_guard lock(mutex_);
    markers_.end(query.name, marker);
    all = marker;
    const auto known = known_.find(query.name);
    const bool interrupted = run.failure && run.failure->kind == QueryFailure::Kind::interrupted;
    if (!interrupted && known != known_.end() && known->second.sql == query.query.sql) {
      auto& statistics = known->second.statistics;
      statistics.add(run.cost, output_bytes, unix_time);
      all.put(Family::statistics, query.name, encode(statistics, query.query.sql));
    }
  }
  // Without room for numbers the marker goes all the same: what only erases is let through.
  if (!parts_.store.write(all)) static_cast<void>(parts_.store.write(marker));
}

// After a run that an exception ended.
void Scheduler::unmark(const std::string& name) {
  store::Batch marker;
  std::lock_guard lock(mutex_);
  markers_.end(name, marker);
  static_cast<void>(parts_.store.write(marker));
}

void Scheduler::tell_outcome(const RunPlan& plan, const RunOutcome& outcome) {
  if (plan.snapshot) return;
  if (outcome.kind == RunOutcome::Kind::initial)
    parts_.status.info(fmt::format("Storing initial results for new scheduled query: {}", plan.name));
  else if (outcome.kind == RunOutcome::Kind::new_epoch)
    parts_.status.info(fmt::format("New Epoch {} for scheduled query {}", plan.epoch, plan.name));
  else if (outcome.sql_changed)
    parts_.status.info(fmt::format("Scheduled query has been updated: {}", plan.name));
}

void Scheduler::tell_failure(const ScheduledQuery& query, const QueryFailure& failure) {
  if (compatible()) {
    parts_.status.error(fmt::format("Error executing scheduled query {}: {}", query.name, failure.message));
    return;
  }
  const auto text = errors_.add(query.name, failure.explained(), ticks_.now());
  if (text) parts_.status.error(fmt::format("Error executing scheduled query {}: {}", query.name, *text));
}

void Scheduler::tell_fault(const std::string& subject, const std::string& why) {
  const auto text = fmt::format("{}: {}", subject, why);
  if (!errors_.add(text, {}, ticks_.now())) return;
  // osquery says nothing of views and decorators that do not work.
  if (compatible())
    parts_.status.debug(text);
  else
    parts_.status.warning(text);
}

void Scheduler::tell_warnings(const ScheduledQuery& query, const sql::Connection& connection) {
  const auto& warnings = connection.warnings();
  if (warnings.list().empty() || connection.reads("osprey_scan_errors")) return;
  parts_.scan_errors.add(query.name, warnings);
  for (const auto& [table, error] : warnings.list()) {
    // osquery's own words belong to no table and are said each time.
    if (compatible()) {
      if (table.empty()) parts_.status.warning(error.message);
      continue;
    }
    {
      std::lock_guard lock(mutex_);
      if (!first_time(told_warnings_, fmt::format("{} {} {}", table, error.code, error.message))) continue;
    }
    parts_.status.warning(
        fmt::format("scheduled query {}: {}{}{}", query.name, table, table.empty() ? "" : ": ", error.text()));
  }
}

void Scheduler::blame(const ScheduledQuery& query, const QueryFailure& failure, bool only_events) {
  if (!failure.overran() || !query.query.denylist || only_events) return;
  {
    std::lock_guard lock(mutex_);
    denylist_.add(query.name, failure.message, ticks_.now());
  }
  parts_.status.warning(
      compatible() ? fmt::format("Scheduled query may have failed: {}", query.name)
                   : fmt::format("scheduled query {} is on the denylist for a day: {}", query.name, failure.message));
}

}  // namespace osprey::agent
