#include <fmt/format.h>

#include "events/tables/table.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<PrivilegeEvent>;

std::string capabilities(const std::optional<std::uint64_t>& bits) { return bits ? fmt::format("{:016x}", *bits) : ""; }

}  // namespace

Table privilege_events() {
  return event_table<PrivilegeEvent>("privilege_events",
                                     "Processes that became somebody else, or were "
                                     "given or gave up rights.")
      .columns(columns::when)
      .column("kind", row::field<&PrivilegeEvent::kind>,
              "setuid, setgid, suid_exec, capset, user_namespace; exec: the program runs with root's rights "
              "that nothing gave.")
      .column("pid", row::pid, "Process id.")
      .column("exe", row::path, "Executable.")
      .column("cmdline", row::cmdline, "Arguments, with a space between.")
      .column(
          "old_uid", [](const Row& row) { return row.event.before.euid; }, "Effective user id before.")
      .column("new_uid", row::euid, "Effective user id after.")
      .column(
          "old_capabilities", [](const Row& row) { return capabilities(row.event.old_capabilities); },
          "Effective capabilities before, hexadecimal as in /proc/PID/status.")
      .column(
          "new_capabilities", [](const Row& row) { return capabilities(row.event.new_capabilities); },
          "The same after.")
      .column("syscall", row::field<&PrivilegeEvent::syscall>, "The system call.")
      .column("via_suid", row::field<&PrivilegeEvent::via_suid>,
              "1 if the file gave the rights: by setuid, setgid or its capabilities.")
      .column("expected", row::field<&PrivilegeEvent::expected>,
              "0 if nothing that may do so gave the rights: the mark of an exploit. NULL where nobody can tell.")
      .column("outcome", row::outcome, "success, or the error's name.")
      .columns(columns::attribution)
      .example("SELECT * FROM privilege_events WHERE expected = 0");
}

}  // namespace osprey::events::tables
