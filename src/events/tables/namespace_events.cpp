#include <fmt/format.h>
#include <linux/sched.h>

#include <array>

#include "events/tables/table.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<NamespaceEvent>;

std::string types(const Row& row) {
  constexpr std::array<std::pair<std::uint64_t, std::string_view>, 8> kTypes = {{{CLONE_NEWNS, "mnt"},
                                                                                 {CLONE_NEWPID, "pid"},
                                                                                 {CLONE_NEWNET, "net"},
                                                                                 {CLONE_NEWUSER, "user"},
                                                                                 {CLONE_NEWUTS, "uts"},
                                                                                 {CLONE_NEWIPC, "ipc"},
                                                                                 {CLONE_NEWCGROUP, "cgroup"},
                                                                                 {CLONE_NEWTIME, "time"}}};
  std::string text;
  for (const auto& [bit, name] : kTypes)
    if (row.event.types & bit) text += text.empty() ? std::string(name) : fmt::format(",{}", name);
  return text;
}

}  // namespace

Table namespace_events() {
  return event_table<NamespaceEvent>("namespace_events",
                                     "Namespaces entered and made, and mounts: what "
                                     "containers, and those who leave them, do.")
      .columns(columns::when)
      .column("kind", row::field<&NamespaceEvent::kind>,
              "unshare, setns, clone, mount, umount, move_mount, pivot_root or chroot.")
      .column("pid", row::pid, "Process id.")
      .column("exe", row::path, "Executable.")
      .column("cmdline", row::cmdline, "Arguments, with a space between.")
      .column("uid", row::uid, "User id.")
      .column("namespace_types", types, "mnt, pid, net, user, uts, ipc, cgroup, time, with commas between.")
      .column(
          "target_pid", [](const Row& row) { return row.event.target.pid; },
          "Whose namespaces were entered, where that is known; else 0.")
      .column("source_path", row::field<&NamespaceEvent::source_path>, "What was mounted.")
      .column("target_path", row::field<&NamespaceEvent::target_path>, "Where.")
      .column("filesystem", row::field<&NamespaceEvent::filesystem>, "Its type.")
      .column(
          "flags", [](const Row& row) { return fmt::format("0x{:x}", row.event.flags); },
          "Flags of the call, hexadecimal.")
      .column(
          "from_container", [](const Row& row) { return !row.event.actor.container_id.empty(); },
          "1 if the process is in a container.")
      .column("outcome", row::outcome, "success, or the error's name.")
      .columns(columns::attribution)
      .example("SELECT * FROM namespace_events WHERE from_container = 1 AND kind IN ('mount', 'setns')");
}

}  // namespace osprey::events::tables
