#include "agent/schedule/scheduler.h"
#include "agent/tables/table.h"

namespace osprey::agent::tables {
namespace {

struct Row {
  ScheduledPack pack;
};

Rows<Row> scan(const Scan& scan) {
  const auto* scheduler = scan.service<Scheduler>();
  if (!scheduler) co_return;
  for (auto& pack : scheduler->packs()) {
    Row row{std::move(pack)};
    co_yield row;
  }
}

}  // namespace

Table osquery_packs() {
  return table("osquery_packs", "The packs of queries, and whether they are for this host.", scan)
      .column(
          "name", TEXT, [](const Row& row) { return row.pack.id.name; }, "Name; the schedule's own queries: main.")
      .column(
          "platform", TEXT, [](const Row& row) { return row.pack.platform; }, "Platforms it is for, empty for all.")
      .column(
          "version", TEXT, [](const Row& row) { return row.pack.version; },
          "Least version of osquery it is for, empty for all.", VERSION)
      .column(
          "shard", INTEGER, [](const Row& row) { return row.pack.shard; }, "Percentage of hosts it is for, 0 for all.")
      .column(
          "discovery_cache_hits", INTEGER, [](const Row& row) { return row.pack.cache_hits; },
          "How often the last answer of its discovery queries was used again.")
      .column(
          "discovery_executions", INTEGER, [](const Row& row) { return row.pack.executions; },
          "How often its discovery queries were asked.")
      .column(
          "active", INTEGER, [](const Row& row) { return row.pack.active(); }, "1 if its queries run, else 0.")
      .utility()
      .example("SELECT name, active, discovery_executions FROM osquery_packs");
}

}  // namespace osprey::agent::tables
