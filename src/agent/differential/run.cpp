#include "agent/differential/run.h"

#include <fmt/format.h>

#include <cerrno>

namespace osprey::agent {

Result<void> Run::add(const sql::Statement& statement) {
  rows_.add([&](std::string& out) { outcome_.output_bytes += encoder_.append(statement, out); });
  ++outcome_.rows;
  if (rows_.bytes().size() <= parts_.options.small_bytes) return {};
  auto drained = drain();
  rows_.clear();
  return told(std::move(drained));
}

Result<RunOutcome> Run::finish() {
  TRY(told(commit()));
  return outcome_;
}

store::Batch Run::state_of_plan() const {
  store::Batch batch;
  if (plan_.state) plan_.state(batch);
  return batch;
}

Result<void> Run::tell_rows(RunLines& lines) const {
  auto rest = std::string_view(rows_.bytes());
  for (std::string_view row; ResultRows::take(rest, row);) TRY(lines.added(row));
  return {};
}

Result<void> Run::told(Result<void> done) {
  if (done) return done;
  abandon();
  auto error = std::move(done).error();
  if (error.code == ENOSPC)
    error.message = fmt::format(
        "no room for the result ({} rows, {} bytes so far) and its lines; the result before stays in force: {}",
        outcome_.rows, outcome_.output_bytes, error.text());
  error.subject = plan_.name;
  return std::unexpected(std::move(error));
}

RunOutcome::Kind kind_of(const std::optional<stored::QueryHead>& head, const RunPlan& plan) {
  if (!head) return RunOutcome::Kind::initial;
  return head->epoch == plan.epoch ? RunOutcome::Kind::changed : RunOutcome::Kind::new_epoch;
}
std::uint64_t counter_of(const std::optional<stored::QueryHead>& head, RunOutcome::Kind kind) {
  return kind == RunOutcome::Kind::changed ? head->counter + 1 : 0;
}

Result<void> drop_damaged(const RunParts& parts, const QueryState& state, const Error& damage) {
  parts.status.error(fmt::format("{}: it is dropped and the query begins anew", damage.text()));
  store::Batch batch;
  state.erase_all(batch);
  return parts.store.write(batch);
}

}  // namespace osprey::agent
