#include "agent/logging/sink_runner.h"
#include "agent/tables/table.h"

namespace osprey::agent::tables {
namespace {

std::optional<std::int64_t> time_or_none(std::int64_t unix_seconds) {
  if (unix_seconds == 0) return std::nullopt;
  return unix_seconds;
}

struct Row {
  SinkReport report;

  std::string_view state() const { return name_of(report.state); }
  std::uint64_t backlog_lines() const { return report.backlog.lines; }
  std::uint64_t backlog_bytes() const { return report.backlog.bytes; }
  auto oldest_time() const { return time_or_none(report.backlog.oldest); }
  std::uint64_t shed_lines() const { return report.backlog.shed_lines; }
  auto last_failure() const { return time_or_none(report.last_failure); }
  auto last_success() const { return time_or_none(report.last_success); }
  std::int64_t delay_ms() const { return report.delay.count(); }
  const std::string& name() const { return report.name; }
  const std::string& target() const { return report.target; }
  std::int64_t since() const { return report.since; }
  std::uint64_t delivered_lines() const { return report.delivered_lines; }
  std::uint64_t delivered_bytes() const { return report.delivered_bytes; }
  std::uint64_t failures() const { return report.failures; }
  const std::string& last_error() const { return report.last_error; }
};

Rows<Row> scan(const Scan& scan) {
  const auto* sinks = scan.service<SinkRunners>();
  if (!sinks) co_return;
  auto reports = sinks->list();
  for (auto& report : reports) {
    Row row{std::move(report)};
    co_yield row;
  }
}

}  // namespace

Table osprey_sinks() {
  return table("osprey_sinks", "Where results and status lines go, and how far each of these ways has come.", scan)
      .column("name", &Row::name, "The logger's name, as --logger_plugin has it.")
      .column("target", &Row::target, "Folder, socket or servers; without secrets.")
      .column("state", &Row::state, "idle, delivering, delayed after a failure, stopped.")
      .column("since", &Row::since, "When it entered that state, in Unix seconds; long ago and delivering: it hangs.")
      .column("backlog_lines", &Row::backlog_lines, "Lines in the buffer that it has not taken.")
      .column("backlog_bytes", &Row::backlog_bytes, "Their size as stored.")
      .column("oldest_time", &Row::oldest_time,
              "When the oldest of them was made, in Unix seconds; NULL if there is none.")
      .column("delivered_lines", &Row::delivered_lines, "Lines it has taken since the agent started.")
      .column("delivered_bytes", &Row::delivered_bytes, "Their size.")
      .column("failures", &Row::failures, "Failed deliveries since the agent started.")
      .column("last_error", &Row::last_error, "What the last of them said.")
      .column("last_failure", &Row::last_failure, "When that was, in Unix seconds; NULL: never.")
      .column("last_success", &Row::last_success, "When it last took lines, in Unix seconds; NULL: never.")
      .column("delay_ms", &Row::delay_ms, "Milliseconds between its last failure and the next try; 0 when all is well.")
      .column("shed_lines", &Row::shed_lines,
              "Lines dropped before it took them, since the agent started; osprey_losses has them over restarts.")
      .utility()
      .example("SELECT name, state, backlog_lines, last_error FROM osprey_sinks")
      .note("Rows come from the running agent; the shell has none.");
}

}  // namespace osprey::agent::tables
