#include "agent/schedule/scheduler.h"
#include "agent/tables/table.h"

namespace osprey::agent::tables {
namespace {

struct Row {
  QueryReport query;

  const QueryStatistics& statistics() const { return query.statistics; }
};

Rows<Row> scan(const Scan& scan) {
  const auto* scheduler = scan.service<Scheduler>();
  if (!scheduler) co_return;
  for (auto& query : scheduler->queries()) {
    Row row{std::move(query)};
    co_yield row;
  }
}

enum class Of { all, last };

// A time of the statistics as whole milliseconds.
template <Of of, std::uint64_t QueryCost::* time>
std::uint64_t milliseconds(const Row& row) {
  const auto& statistics = row.query.statistics;
  return (of == Of::all ? statistics.total : statistics.last).*time / 1000;
}

}  // namespace

Table osquery_schedule() {
  return table("osquery_schedule", "The scheduled queries and what they have cost.", scan)
      .column(
          "name", TEXT, [](const Row& row) { return row.query.name; }, "Name, its pack's prefix included.")
      .column(
          "query", TEXT, [](const Row& row) { return row.query.sql; }, "SQL text.")
      .column(
          "interval", INTEGER, [](const Row& row) { return row.query.interval; }, "Seconds between runs, unsplayed.")
      .column(
          "executions", BIGINT, [](const Row& row) { return row.statistics().executions; }, "Runs so far.")
      .column(
          "last_executed", BIGINT, [](const Row& row) { return row.statistics().last_executed; },
          "End of the last run, Unix seconds, 0 before the first.")
      .column(
          "denylisted", INTEGER, [](const Row& row) { return row.query.denylisted; },
          "1 if it is left out because it did harm, else 0.")
      .column_alias("blacklisted", "denylisted")
      .column(
          "output_size", BIGINT, [](const Row& row) { return row.statistics().output_size; },
          "Bytes of all results so far.")
      .column(
          "wall_time", BIGINT, [](const Row& row) { return milliseconds<Of::all, &QueryCost::wall_us>(row) / 1000; },
          "Seconds that all runs took.")
      .column("wall_time_ms", BIGINT, milliseconds<Of::all, &QueryCost::wall_us>, "Milliseconds that all runs took.")
      .column("last_wall_time_ms", BIGINT, milliseconds<Of::last, &QueryCost::wall_us>,
              "Milliseconds that the last run took.")
      .column("user_time", BIGINT, milliseconds<Of::all, &QueryCost::user_us>,
              "Milliseconds of processor time in the program, all runs.")
      .column("last_user_time", BIGINT, milliseconds<Of::last, &QueryCost::user_us>, "The same of the last run.")
      .column("system_time", BIGINT, milliseconds<Of::all, &QueryCost::system_us>,
              "Milliseconds of processor time in the kernel, all runs.")
      .column("last_system_time", BIGINT, milliseconds<Of::last, &QueryCost::system_us>, "The same of the last run.")
      .column(
          "average_memory", BIGINT, [](const Row& row) { return row.statistics().total.memory; },
          "Bytes that a run made SQLite hold at most, on average.")
      .column(
          "last_memory", BIGINT, [](const Row& row) { return row.statistics().last.memory; },
          "The same of the last run.")
      .utility()
      .example("SELECT name, executions, wall_time_ms, denylisted FROM osquery_schedule ORDER BY wall_time_ms DESC");
}

}  // namespace osprey::agent::tables
