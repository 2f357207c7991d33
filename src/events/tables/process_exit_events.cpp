#include "events/tables/table.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<ExitEvent>;

double seconds(std::uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e9; }

}  // namespace

Table process_exit_events() {
  return with_attribution(
             with_time(event_table<ExitEvent>("process_exit_events", "Processes that ended, how, and what they cost."))
                 .column("pid", row::pid, "Process id.")
                 .column("parent", row::parent, "Pid of the parent.")
                 .column("path", row::path, "Executable.")
                 .column("cmdline", row::cmdline, "Arguments, with a space between.")
                 .column("uid", row::uid, "User id.")
                 .column(
                     "exit_code", [](const Row& row) { return row.event.exit_code; },
                     "What it told its parent; 128 and the signal's number where a signal ended it.")
                 .column(
                     "signal", [](const Row& row) { return row.event.signal; }, "The signal that ended it, or 0.")
                 .column(
                     "core_dumped", [](const Row& row) { return row.event.core_dumped; }, "1 if its memory was dumped.")
                 .column(
                     "lifetime", [](const Row& row) { return seconds(row.event.lifetime); },
                     "Seconds from its start to its end.")
                 .column(
                     "cpu_time", [](const Row& row) { return seconds(row.event.cpu); },
                     "Seconds on a processor, of all its threads."))
      .example("SELECT path, exit_code, lifetime FROM process_exit_events WHERE signal > 0");
}

}  // namespace osprey::events::tables
