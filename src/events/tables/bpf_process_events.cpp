#include <fmt/format.h>

#include "events/tables/bpf_columns.h"
#include "events/tables/process_columns.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<ProcessEvent>;

template <std::optional<std::uint64_t> ProcessEvent::* field>
std::string inode_text(const Row& row) {
  return number_text(row.event.*field);
}

}  // namespace

Table bpf_process_events() {
  return event_table<ProcessEvent, is_from_bpf<ProcessEvent>>(
             "bpf_process_events", "Programs executed and processes forked, failed calls included, as BPF saw them.")
      .columns(columns::bpf_caller)
      .column(
          "exit_code", TEXT, [](const Row& row) { return std::to_string(row.event.result); },
          "What the call returned: a negative number is an errno.")
      .column("probe_error", INTEGER, row::field<&ProcessEvent::arguments_truncated>,
              "1 if something could not be read whole.")
      .column("syscall", TEXT, row::field<&ProcessEvent::syscall>, "The system call.")
      .column("path", TEXT, row::path, "Executable.")
      .columns(columns::working_directory)
      .column(
          "cmdline", TEXT, [](const Row& row) { return joined(row.event.arguments); },
          "Arguments, with a space between.")
      .column(
          "duration", INTEGER, [](const Row&) { return std::int64_t{0}; },
          "Always 0: the event is the moment at which the new program stood.")
      .column(
          "json_cmdline", TEXT, [](const Row& row) { return json_of(row.event.arguments); },
          "Arguments, as a JSON array.", HIDDEN)
      .columns(columns::bpf_when)
      .column("euid", row::euid, "Effective user id.", HIDDEN)
      .column(
          "login_uid", [](const Row& row) { return row.event.actor.ids.login_uid; }, "User that logged in.", HIDDEN)
      .column("session_id", row::session, "Login session.", HIDDEN)
      .columns(columns::bpf_cgroup_id)
      .column(
          "cgroup_path", [](const Row& row) { return row.event.actor.cgroup_path; }, "Control group.", HIDDEN)
      .column("pid_namespace", inode_text<&ProcessEvent::pid_namespace>, "Inode of the pid namespace.", HIDDEN)
      .column("mnt_namespace", inode_text<&ProcessEvent::mount_namespace>, "Inode of the mount namespace.", HIDDEN)
      .column("net_namespace", inode_text<&ProcessEvent::network_namespace>, "Inode of the network namespace.", HIDDEN)
      .column("user_namespace", inode_text<&ProcessEvent::user_namespace>, "Inode of the user namespace.", HIDDEN)
      .column(
          "exe_inode", [](const Row& row) { return row.event.executable.inode; }, "Inode of the executable.", HIDDEN)
      .column(
          "exe_device",
          [](const Row& row) {
            return row.event.executable.device ? device_text(*row.event.executable.device) : std::string();
          },
          "Device of the executable: major:minor.", HIDDEN)
      .columns(columns::executable_state)
      .columns(columns::arch)
      .column("filename", row::field<&ProcessEvent::filename>, "What was asked for.", HIDDEN)
      .column("interpreter", row::field<&ProcessEvent::interpreter>,
              "Of a script: the script, where path is what runs it.", HIDDEN)
      .column(
          "tty", [](const Row& row) { return row.event.actor.tty; }, "Terminal.", HIDDEN)
      .column(
          "capabilities",
          [](const Row& row) {
            return row.event.capabilities ? fmt::format("{:016x}", *row.event.capabilities) : std::string();
          },
          "Effective capabilities, hexadecimal as in /proc/PID/status.", HIDDEN)
      .columns(columns::bpf_attribution)
      .example("SELECT pid, json_cmdline FROM bpf_process_events WHERE exe_state = 'memfd'");
}

}  // namespace osprey::events::tables
