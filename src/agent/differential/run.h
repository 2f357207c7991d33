// Run: what every kind of run does, and the kinds there are.
#pragma once

#include <memory>
#include <optional>

#include "agent/differential/differential.h"
#include "agent/differential/query_state.h"
#include "agent/differential/result_rows.h"
#include "agent/differential/row_hash.h"
#include "agent/differential/run_lines.h"
#include "agent/differential/statement_rows.h"

namespace osprey::agent {

// What the runs of a Differential share.
struct RunParts {
  store::Store& store;
  LogBuffer& buffer;
  StatusLog& status;
  DifferentialOptions options;
};

// Rows are encoded and held until they are too many, then handed on.
class Run : public ResultRun {
 public:
  Run(const RunParts& parts, const RunPlan& plan, const RunContext& context, bool escaped)
      : parts_(parts), plan_(plan), context_(context), encoder_(plan.null_value, escaped) {}

  Result<void> add(const sql::Statement& statement) override;
  Result<RunOutcome> finish() override;

 protected:
  // Takes the rows that are held.
  virtual Result<void> drain() = 0;
  virtual Result<void> commit() = 0;
  // The run has failed: what it staged goes, now or before the query's next run.
  virtual void abandon() noexcept {}

  // What the plan wants stored with the run.
  store::Batch state_of_plan() const;
  // All rows that are held, as lines.
  Result<void> tell_rows(RunLines& lines) const;

  const RunParts& parts_;
  const RunPlan plan_;
  const RunContext context_;
  ResultRows rows_;
  RunOutcome outcome_;

 private:
  // An error, where there is one, with what it was about.
  Result<void> told(Result<void> done);

  StatementRows encoder_;
};

// The kind of a run and its counter, where it tells something.
RunOutcome::Kind kind_of(const std::optional<stored::QueryHead>& head, const RunPlan& plan);
std::uint64_t counter_of(const std::optional<stored::QueryHead>& head, RunOutcome::Kind kind);

// `head` is what is stored of the query, and nothing staged is left of it. `parts` must outlive the run.
std::unique_ptr<ResultRun> snapshot_run(const RunParts& parts, const RunPlan& plan, const RunContext& context);
std::unique_ptr<ResultRun> events_run(const RunParts& parts, const RunPlan& plan, const RunContext& context,
                                      std::unique_ptr<RowHasher> hasher, std::optional<stored::QueryHead> head);
std::unique_ptr<ResultRun> differential_run(const RunParts& parts, const RunPlan& plan, const RunContext& context,
                                            std::unique_ptr<RowHasher> hasher, std::optional<stored::QueryHead> head);
// Drops a stored result that is damaged, and says so.
Result<void> drop_damaged(const RunParts& parts, const QueryState& state, const Error& damage);

}  // namespace osprey::agent
