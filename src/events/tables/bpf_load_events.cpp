#include "events/tables/table.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<BpfLoadEvent>;

std::optional<std::string> helpers(const Row& row) {
  if (row.event.helpers.empty()) return std::nullopt;
  return json_of(row.event.helpers);
}

std::optional<std::uint32_t> program_id(const Row& row) {
  if (row.event.program_id == 0) return std::nullopt;
  return row.event.program_id;
}

}  // namespace

Table bpf_load_events() {
  return event_table<BpfLoadEvent>("bpf_load_events", "BPF programs that were loaded and attached.")
      .columns(columns::when)
      .column("action", row::field<&BpfLoadEvent::action>, "load, attach or unload.")
      .column("program_id", program_id, "Id of the program; NULL where it was refused.")
      .column("program_type", row::field<&BpfLoadEvent::program_type>, "kprobe, tracing, xdp…")
      .column("name", row::field<&BpfLoadEvent::name>, "Name of the program.")
      .column("tag", row::field<&BpfLoadEvent::tag>, "Digest of its instructions.")
      .column("attach_target", row::field<&BpfLoadEvent::attach_target>, "What it is attached to.")
      .column("pid", row::pid, "Process id.")
      .column("exe", row::path, "Executable.")
      .column("uid", row::uid, "User id.")
      .column("helpers", helpers,
              "Helpers of the kernel that it calls (bpf-helpers(7)), of its first 2,048 instructions, as a JSON array; "
              "NULL where there are none, and by audit.")
      .column("outcome", row::outcome, "success, or the error's name.")
      .columns(columns::attribution)
      .example("SELECT name, program_type, exe FROM bpf_load_events WHERE action = 'load'");
}

}  // namespace osprey::events::tables
