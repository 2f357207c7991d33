// Scheduler: runs the configuration's queries when they are due, on query threads of its own, and hands their rows to
// the differential.
//
// Each query thread takes the next job that is due and does it, so that a slow query holds up nobody but its thread.
// What a query may use is bounded (--schedule_query_…); one that uses more, or that the agent died of, is on the
// denylist for a day.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "agent/config/configuration.h"
#include "agent/differential/differential.h"
#include "agent/limits/limits.h"
#include "agent/limits/scan_errors.h"
#include "agent/logging/status_log.h"
#include "agent/program.h"
#include "agent/schedule/clock.h"
#include "agent/schedule/death_note.h"
#include "agent/schedule/decorators.h"
#include "agent/schedule/denylist.h"
#include "agent/schedule/query_limits.h"
#include "agent/schedule/query_runner.h"
#include "agent/schedule/query_statistics.h"
#include "agent/schedule/repeated_errors.h"
#include "agent/schedule/run_markers.h"
#include "agent/schedule/schedule.h"
#include "store/store.h"

namespace osprey::agent {

// What a scheduler works with; all references outlive it.
struct SchedulerParts {
  const Program& program;
  const sql::Registry& registry;
  store::Store& store;
  Differential& differential;
  StatusLog& status;
  ScanErrors& scan_errors;
  Limits& limits;
  Root root = Root::host();
  const events::Journal* journal = nullptr;     // see RunnerParts
  std::function<void(sql::Services&)> provide;  // likewise
  // Told, on a query thread, of the packs whose discovery queries gave rows, when they become others.
  std::function<void(std::set<PackId>)> discovered;
  // The host's identifier for result lines (--host_identifier), asked at each run.
  std::function<std::string()> host_identifier;
  std::string host_name;            // what shards go by
  std::optional<Death> last_death;  // of the worker before this one: last_death()
  const Clock& clock = Clock::system();
  unsigned threads = 2;
  // Time asleep may be noticed this late, as timers do not count it.
  std::chrono::milliseconds longest_wait = std::chrono::seconds(10);
};

// A line of osquery_schedule, and whether the query is out at this moment.
struct QueryReport {
  std::string name;
  std::string sql;
  std::uint64_t interval = 0;
  bool denylisted = false;
  bool running = false;
  QueryStatistics statistics;
};

// Thread-safe. For memory budgets to hold, sql::account_for_memory() comes first in the program.
class Scheduler {
 public:
  explicit Scheduler(SchedulerParts parts);
  ~Scheduler();  // stops
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Goes by this configuration from now on; the first starts the threads. Queries that run go on. From the thread that
  // calls stop().
  void apply(ConfigurationPtr configuration);
  // Ends running queries within a row's time, and the threads.
  void stop();
  // For SIGUSR1: the watcher is about to end this process for what it uses. The queries that run are to blame.
  void limit_hit();

  // What decorators said last, for lines that no query makes.
  protocol::Decorations decorations(const Configuration& configuration) const;

  // For osquery_schedule and osquery_packs, which find the scheduler among the services of its query threads.
  std::vector<QueryReport> queries() const;
  std::vector<ScheduledPack> packs() const;

 private:
  struct QueryThread {
    explicit QueryThread(const RunnerParts& parts) : runner(parts) {}
    QueryRunner runner;
    std::thread thread;
  };
  struct Known {
    std::string sql;
    QueryStatistics statistics;
  };

  void report_deaths();
  void load_statistics();
  void start();
  void work(QueryThread& self);
  bool timed_out(Tick now) const;
  void run(QueryThread& self, const Job& job, const ConfigurationPtr& configuration);
  std::optional<bool> discover(QueryRunner& runner, const std::vector<std::string>& queries, const Flags& flags);
  void check_queries(QueryRunner& runner, const Configuration& configuration);
  void run_query(QueryRunner& runner, const ScheduledQuery& query, const Configuration& configuration);
  bool is_denied(QueryRunner& runner, const ScheduledQuery& query);
  bool is_known_broken(const ScheduledQuery& query, const Configuration& configuration) const;
  void announce(const ScheduledQuery& query, const Flags& flags);
  RunPlan plan_of(const ScheduledQuery& query, const Flags& flags, bool events) const;
  void tell_outcome(const RunPlan& plan, const RunOutcome& outcome);
  void tell_failure(const ScheduledQuery& query, const QueryFailure& failure);
  void tell_warnings(const ScheduledQuery& query, const sql::Connection& connection);
  void tell_fault(const std::string& subject, const std::string& why);
  void blame(const ScheduledQuery& query, const QueryFailure& failure, bool only_events);
  void finish_run(const ScheduledQuery& query, const QueryRun& run, std::uint64_t output_bytes);
  void unmark(const std::string& name);
  bool compatible() const { return parts_.program.osquery_compatible; }

  SchedulerParts parts_;
  const Ticks ticks_;
  const Tick started_at_;
  RunnerParts runner_parts_;
  Decorators decorators_;
  RepeatedErrors errors_;
  // Shared with what reports them, which may live longer.
  std::shared_ptr<QueryLimits> limits_ = std::make_shared<QueryLimits>("query");

  mutable std::mutex mutex_;  // of all below
  std::condition_variable wake_;
  bool stopping_ = false;
  ConfigurationPtr configuration_;
  Schedule schedule_;
  Denylist denylist_;
  RunMarkers markers_;
  std::set<PackId> discovered_;
  std::map<std::string, Known, std::less<>> known_;
  std::map<std::string, std::uint64_t, std::less<>> broken_;  // the configuration in which a query does not prepare
  std::set<std::string, std::less<>> told_denied_;
  std::set<std::string, std::less<>> told_warnings_;
  std::list<QueryThread> threads_;
};

}  // namespace osprey::agent
