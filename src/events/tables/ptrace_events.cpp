#include "events/tables/table.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<PtraceEvent>;

}  // namespace

Table ptrace_events() {
  return with_attribution(
             with_time(event_table<PtraceEvent>("ptrace_events", "Processes that traced others or wrote into them."))
                 .column(
                     "request", [](const Row& row) { return row.event.request; },
                     "PTRACE_ATTACH, PTRACE_SEIZE, PTRACE_POKEDATA…")
                 .column("pid", row::pid, "Process id.")
                 .column("exe", row::path, "Executable.")
                 .column("uid", row::uid, "User id.")
                 .column(
                     "target_pid", [](const Row& row) { return row.event.target.pid; }, "The other process.")
                 .column(
                     "target_exe", [](const Row& row) { return row.event.target_path; }, "Its executable.")
                 .column(
                     "target_uid", [](const Row& row) { return row.event.target_uid; }, "Its user id.")
                 .column(
                     "method", [](const Row& row) { return row.event.method; },
                     "ptrace, process_vm_writev, process_vm_readv or proc_mem.")
                 .column("outcome", row::outcome, "success, or the error's name."))
      .example("SELECT exe, request, target_exe FROM ptrace_events WHERE uid <> target_uid");
}

}  // namespace osprey::events::tables
