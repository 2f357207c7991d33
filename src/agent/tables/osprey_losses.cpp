#include "agent/limits/losses.h"
#include "agent/tables/table.h"

namespace osprey::agent::tables {
namespace {

Rows<Loss> scan(const Scan& scan) {
  const auto* losses = scan.service<Losses>();
  if (!losses) co_return;
  auto all = losses->list();
  for (auto& loss : all) co_yield loss;
}

}  // namespace

Table osprey_losses() {
  return table("osprey_losses", "What was dropped on purpose or by force, counted: nothing is lost silently.", scan)
      .column("source", &Loss::source, "Who lost it: a sink, a table, the store.")
      .column("stage", &Loss::stage, "Where: buffer, message, file, differential, queue, kernel.")
      .column("reason", &Loss::reason, "Why: cap, filesystem full, damaged, too long, overflow.")
      .column("lost", &Loss::lost, "How many lines or events.")
      .column("lost_bytes", &Loss::lost_bytes, "Their size; of lines in the log buffer as they were stored.")
      .column("exact", &Loss::exact, "1 if it was so many, 0 if it was at least so many.")
      .column("first_time", &Loss::first_time, "When that happened first, in Unix seconds.")
      .column("last_time", &Loss::last_time, "When that happened last, in Unix seconds.")
      .column("worst_cgroup", &Loss::worst_cgroup, "The control group that caused most of it, where that is known.")
      .utility()
      .example("SELECT source, reason, lost FROM osprey_losses ORDER BY lost DESC")
      .note("Rows come from the running agent; the shell has none. Counts survive restarts.");
}

}  // namespace osprey::agent::tables
