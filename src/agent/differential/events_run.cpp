// Rows of event tables are told as they come; of the query only epoch and counter are stored.
#include "agent/differential/run.h"

namespace osprey::agent {
namespace {

class EventsRun final : public Run {
 public:
  EventsRun(const RunParts& parts, const RunPlan& plan, const RunContext& context, std::unique_ptr<RowHasher> hasher,
            std::optional<QueryState::Head> head)
      : Run(parts, plan, context, true),
        hasher_(std::move(hasher)),
        state_(parts.store, *hasher_, plan.name),
        head_(std::move(head)),
        kind_(kind_of(head_, plan)),
        lines_(parts.buffer, plan_, context_, parts.options, counter_of(head_, kind_)) {}

 private:
  Result<void> drain() override { return tell_rows(lines_); }
  Result<void> commit() override {
    TRY(drain());
    outcome_.added = outcome_.rows;
    outcome_.counter = head_ ? head_->counter : 0;
    const auto sql = (*hasher_)(plan_.sql);
    outcome_.sql_changed = head_ && head_->sql != sql;
    auto batch = state_of_plan();
    if (outcome_.rows == 0) return lines_.commit(std::move(batch), false);
    outcome_.kind = kind_;
    outcome_.counter = counter_of(head_, kind_);
    if (head_ && head_->form == QueryState::Head::Form::index) state_.erase_large(batch);
    QueryState::Head next;
    next.form = QueryState::Head::Form::counter;
    next.epoch = plan_.epoch;
    next.counter = outcome_.counter;
    next.sql = sql;
    state_.put_head(batch, next);
    return lines_.commit(std::move(batch), false);
  }

  std::unique_ptr<RowHasher> hasher_;
  QueryState state_;
  std::optional<QueryState::Head> head_;
  RunOutcome::Kind kind_;
  RunLines lines_;
};

}  // namespace

std::unique_ptr<ResultRun> events_run(const RunParts& parts, const RunPlan& plan, const RunContext& context,
                                      std::unique_ptr<RowHasher> hasher, std::optional<stored::QueryHead> head) {
  return std::make_unique<EventsRun>(parts, plan, context, std::move(hasher), std::move(head));
}

}  // namespace osprey::agent
