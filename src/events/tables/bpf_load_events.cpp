#include "events/tables/table.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<BpfLoadEvent>;

}  // namespace

Table bpf_load_events() {
  return with_attribution(
             with_time(event_table<BpfLoadEvent>("bpf_load_events", "BPF programs that were loaded and attached."))
                 .column(
                     "action", [](const Row& row) { return row.event.action; }, "load, attach or unload.")
                 .column(
                     "program_id", [](const Row& row) { return row.event.program_id; }, "Id of the program.")
                 .column(
                     "program_type", [](const Row& row) { return row.event.program_type; }, "kprobe, tracing, xdp…")
                 .column(
                     "name", [](const Row& row) { return row.event.name; }, "Name of the program.")
                 .column(
                     "tag", [](const Row& row) { return row.event.tag; }, "Digest of its instructions.")
                 .column(
                     "attach_target", [](const Row& row) { return row.event.attach_target; }, "What it is attached to.")
                 .column("pid", row::pid, "Process id.")
                 .column("exe", row::path, "Executable.")
                 .column("uid", row::uid, "User id.")
                 .column(
                     "helpers", [](const Row& row) { return json_of(row.event.helpers); },
                     "Kernel functions that it calls, as a JSON array.")
                 .column("outcome", row::outcome, "success, or the error's name."))
      .example("SELECT name, program_type, exe FROM bpf_load_events WHERE action = 'load'");
}

}  // namespace osprey::events::tables
