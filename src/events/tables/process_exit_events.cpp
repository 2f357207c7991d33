#include "events/tables/table.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<ExitEvent>;

std::optional<double> seconds(const std::optional<std::uint64_t>& nanoseconds) {
  if (!nanoseconds) return std::nullopt;
  return static_cast<double>(*nanoseconds) / 1e9;
}

}  // namespace

Table process_exit_events() {
  return event_table<ExitEvent>("process_exit_events", "Processes that ended, how, and what they cost.")
      .columns(columns::when)
      .column("pid", row::pid, "Process id.")
      .column("parent", row::parent, "Pid of the parent.")
      .column("path", row::path, "Executable.")
      .column("cmdline", row::cmdline, "Arguments, with a space between.")
      .column("uid", row::uid, "User id.")
      .column("exit_code", row::field<&ExitEvent::exit_code>,
              "What it told its parent; 128 and the signal's number where a signal ended it.")
      .column("signal", row::field<&ExitEvent::signal>, "The signal that ended it, or 0.")
      .column("core_dumped", row::field<&ExitEvent::core_dumped>, "1 if its memory was dumped.")
      .column(
          "lifetime", [](const Row& row) { return seconds(row.event.lifetime); }, "Seconds from its start to its end.")
      .column(
          "cpu_time", [](const Row& row) { return seconds(row.event.cpu); },
          "Seconds on a processor, of all its threads; NULL by the connector.")
      .columns(columns::attribution)
      .example("SELECT path, exit_code, lifetime FROM process_exit_events WHERE signal > 0");
}

}  // namespace osprey::events::tables
