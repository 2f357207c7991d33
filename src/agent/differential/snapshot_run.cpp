// The whole result, each time; nothing is stored of it.
#include "agent/differential/run.h"

namespace osprey::agent {
namespace {

class SnapshotRun final : public Run {
 public:
  SnapshotRun(const RunParts& parts, const RunPlan& plan, const RunContext& context)
      : Run(parts, plan, context, false), lines_(parts.buffer, plan_, context_, parts.options, 0) {}

 private:
  Result<void> drain() override { return tell_rows(lines_); }
  Result<void> commit() override {
    TRY(drain());
    return lines_.commit(state_of_plan(), true);
  }

  RunLines lines_;
};

}  // namespace

std::unique_ptr<ResultRun> snapshot_run(const RunParts& parts, const RunPlan& plan, const RunContext& context) {
  return std::make_unique<SnapshotRun>(parts, plan, context);
}

}  // namespace osprey::agent
