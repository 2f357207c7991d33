// DistributedRounds: asks the server for queries, runs them, tells what they gave (compat sections 6.6 and 7).
//
// A query is in the store from when it was read until the server has taken its answer: after a death it is run again
// unless its answer was there, and denied if it was running. What one may use is bounded as for scheduled queries.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "agent/carve/carver.h"
#include "agent/config/configuration.h"
#include "agent/distributed/json_rows.h"
#include "agent/distributed/pace.h"
#include "agent/distributed/read_reply.h"
#include "agent/distributed/running_marks.h"
#include "agent/distributed/work.h"
#include "agent/limits/limits.h"
#include "agent/limits/losses.h"
#include "agent/limits/scan_errors.h"
#include "agent/logging/status_log.h"
#include "agent/program.h"
#include "agent/remote/delays.h"
#include "agent/remote/remote.h"
#include "agent/schedule/clock.h"
#include "agent/schedule/query_limits.h"
#include "agent/schedule/query_runner.h"
#include "agent/schedule/repeated_errors.h"
#include "base/interrupt.h"
#include "store/store.h"

namespace osprey::agent {

// All references outlive what is made with them.
struct DistributedParts {
  const Program& program;
  const sql::Registry& registry;
  store::Store& store;
  Remote& remote;
  StatusLog& status;
  ScanErrors& scan_errors;
  Losses& losses;
  Limits& limits;
  Root root = Root::host();
  const events::Journal* journal = nullptr;     // see RunnerParts
  std::function<void(sql::Services&)> provide;  // likewise
  Carver* carver = nullptr;                     // null: nothing is carved
  const Clock& clock = Clock::system();
  Pace::Jitter jitter = jittered;
};

// Belongs to one thread, but for interrupt() and limit_hit().
class DistributedRounds {
 public:
  explicit DistributedRounds(DistributedParts parts);

  // One read, the queries, the write. Returns how long to wait before the next.
  std::chrono::milliseconds round(const ConfigurationPtr& configuration);
  // Ends the round under way soon, and all that come after.
  void interrupt();
  // The watcher is about to end this process for what it uses: the query that runs is to blame.
  void limit_hit() { marks_.limit_hit(); }

 private:
  bool compatible() const { return parts_.program.osquery_compatible; }
  Result<void> read(const Flags& flags, Pace::Round& round);
  DistributedWork::Queries wanted(const ReadReply& reply, const Flags& flags);
  // Whether a discovery query has a row; an error where it failed.
  std::expected<bool, std::string> discover(const std::string& sql, const Flags& flags);
  // With the budget of a scheduled query. A table's exception is a failure.
  QueryRun ask(const std::string& sql, const Flags& flags, const QueryRunner::Row& row);
  void fail(const std::string& id, const std::string& why);
  void run_pending(const Flags& flags);
  void run(const std::string& id, const std::string& sql, const Flags& flags);
  std::string warnings(const std::string& id);
  Result<void> write(const Flags& flags);
  void refused(const AnswersBody& body, const Error& error);
  void complain(const std::string& subject, const std::string& why);
  void accelerate(std::chrono::seconds time);
  std::chrono::seconds interval(const Flags& flags) const;

  DistributedParts parts_;
  const Ticks ticks_;
  CarveDesk desk_;
  RunnerParts runner_parts_;
  QueryRunner runner_;
  JsonRows rows_;
  DistributedWork work_;
  RunningMarks marks_;
  Pace pace_;
  RepeatedErrors errors_;
  std::shared_ptr<QueryLimits> limits_ = std::make_shared<QueryLimits>("distributed query");
  unsigned refusals_ = 0;  // of writes in a row, by a server that answers reads
  Interrupt stop_;
  struct {
    std::int64_t until = 0;  // Unix seconds
    std::int64_t time = 0;   // what the server asked for: more is never left
  } accelerated_;
};

}  // namespace osprey::agent
