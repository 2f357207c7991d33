#include "agent/limits/limits.h"
#include "agent/tables/table.h"

namespace osprey::agent::tables {
namespace {

Rows<Limit> scan(const Scan& scan) {
  const auto* limits = scan.service<Limits>();
  if (!limits) co_return;
  auto all = limits->list();
  for (auto& limit : all) co_yield limit;
}

}  // namespace

Table osprey_limits() {
  return table("osprey_limits", "Every limit that holds the agent, its use now and how often it struck.", scan)
      .column("name", &Limit::name, "Which limit.")
      .column("scope", &Limit::scope, "What it holds: agent, query, or a sink by name.")
      .column("kind", &Limit::kind, "hard; soft where passing it has consequences short of refusal.")
      .column("enforced_by", &Limit::enforced_by,
              "cgroup v1 or cgroup v2, watcher, worker, store, query; none where nothing holds it.")
      .column("limit_value", &Limit::limit_value, "The limit; NULL where there is none of this value.")
      .column("used", &Limit::used, "How much of it is used now.")
      .column("peak", &Limit::peak, "The most that was ever used.")
      .column("unit", &Limit::unit, "In what these are counted.")
      .column("struck", &Limit::struck, "How often the limit held something back, ended it or had something shed.")
      .column("last_struck", &Limit::last_struck, "When that was last, in Unix seconds; NULL if it was not seen.")
      .column("configured_by", &Limit::configured_by, "The flag that sets it.")
      .utility()
      .example("SELECT name, used, limit_value, unit, struck FROM osprey_limits WHERE struck > 0")
      .note("Rows come from the running agent; the shell has none.");
}

}  // namespace osprey::agent::tables
