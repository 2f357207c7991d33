#include "events/tables/table.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<PtraceEvent>;

}  // namespace

Table ptrace_events() {
  return event_table<PtraceEvent>("ptrace_events", "Processes that traced others or wrote into them.")
      .columns(columns::when)
      .column("request", row::field<&PtraceEvent::request>, "PTRACE_ATTACH, PTRACE_SEIZE, PTRACE_POKEDATA…")
      .column("pid", row::pid, "Process id.")
      .column("exe", row::path, "Executable.")
      .column("uid", row::uid, "User id.")
      .column(
          "target_pid", [](const Row& row) { return row.event.target.pid; }, "The other process.")
      .column("target_exe", row::field<&PtraceEvent::target_path>, "Its executable.")
      .column("target_uid", row::field<&PtraceEvent::target_uid>, "Its user id.")
      .column("method", row::field<&PtraceEvent::method>, "ptrace, process_vm_writev, process_vm_readv or proc_mem.")
      .column("outcome", row::outcome, "success, or the error's name.")
      .columns(columns::attribution)
      .example("SELECT exe, request, target_exe FROM ptrace_events WHERE uid <> target_uid");
}

}  // namespace osprey::events::tables
