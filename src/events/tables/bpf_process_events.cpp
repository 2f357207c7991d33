#include <fmt/format.h>

#include "events/tables/table.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<ProcessEvent>;

bool from_bpf(const ProcessEvent& event) { return event.header.origin == Origin::bpf; }

template <std::optional<std::uint64_t> ProcessEvent::* field>
std::string inode_text(const Row& row) {
  return row.event.*field ? std::to_string(*(row.event.*field)) : std::string();
}

}  // namespace

Table bpf_process_events() {
  return event_table<ProcessEvent, from_bpf>(
             "bpf_process_events", "Programs executed and processes forked, failed calls included, as BPF saw them.")
      .column("tid", BIGINT, row::tid, "Thread id.")
      .column("pid", BIGINT, row::pid, "Process id.")
      .column("parent", BIGINT, row::parent, "Pid of the parent.")
      .column("uid", BIGINT, row::uid, "User id.")
      .column("gid", BIGINT, row::gid, "Group id.")
      .column(
          "cid", INTEGER, [](const Row& row) { return static_cast<std::uint32_t>(row.event.actor.cgroup_id); },
          "Control group id, cut to 32 bits.")
      .column(
          "exit_code", TEXT, [](const Row& row) { return std::to_string(row.event.result); },
          "What the call returned: a negative number is an errno.")
      .column(
          "probe_error", INTEGER, [](const Row& row) { return row.event.arguments_truncated; },
          "1 if something could not be read whole.")
      .column(
          "syscall", TEXT, [](const Row& row) { return row.event.syscall; }, "The system call.")
      .column("path", TEXT, row::path, "Executable.")
      .column(
          "cwd", TEXT, [](const Row& row) { return row.event.cwd; }, "Working directory.")
      .column(
          "cmdline", TEXT, [](const Row& row) { return joined(row.event.arguments); },
          "Arguments, with a space between.")
      .column(
          "duration", INTEGER, [](const Row&) { return std::int64_t{0}; },
          "Always 0: the event is the moment at which the new program stood.")
      .column(
          "json_cmdline", TEXT, [](const Row& row) { return json_of(row.event.arguments); },
          "Arguments, as a JSON array.", HIDDEN)
      .column(
          "ntime", TEXT, [](const Row& row) { return std::to_string(row.event.header.moment); },
          "When it happened, in nanoseconds since the machine was started.")
      .column("time", BIGINT, &Row::time, "When it happened, in Unix seconds.", ADDITIONAL | HIDDEN)
      .column(
          "eid", INTEGER, [](const Row& row) { return row.place.eid; }, "Number of the event.", HIDDEN)
      .column("uptime", row::uptime, "When it happened, in seconds since the machine was started.", HIDDEN)
      .column("euid", row::euid, "Effective user id.", HIDDEN)
      .column(
          "login_uid", [](const Row& row) { return row.event.actor.ids.login_uid; }, "User that logged in.", HIDDEN)
      .column("session_id", row::session, "Login session.", HIDDEN)
      .column(
          "cgroup_id", [](const Row& row) { return row.event.actor.cgroup_id; }, "Control group id.", HIDDEN)
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
      .column(
          "exe_state", [](const Row& row) { return row.event.executable_state; },
          "deleted, memfd, upper (written in its container), or empty.", HIDDEN)
      .column(
          "args_truncated", [](const Row& row) { return row.event.arguments_truncated; },
          "1 if the arguments were cut off.", HIDDEN)
      .column(
          "arch", [](const Row& row) { return row.event.arch; }, "Instruction set of the call.", HIDDEN)
      .column(
          "filename", [](const Row& row) { return row.event.filename; }, "What was asked for.", HIDDEN)
      .column(
          "interpreter", [](const Row& row) { return row.event.interpreter; },
          "Of a script: the script, where path is what runs it.", HIDDEN)
      .column(
          "tty", [](const Row& row) { return row.event.actor.tty; }, "Terminal.", HIDDEN)
      .column(
          "capabilities",
          [](const Row& row) {
            return row.event.capabilities ? fmt::format("{:016x}", *row.event.capabilities) : std::string();
          },
          "Effective capabilities, hexadecimal as in /proc/PID/status.", HIDDEN)
      .column("container_id", row::container_id, "Container of the process.", HIDDEN)
      .column("container_name", row::container_name, "Name of the container, as its engine has it.", HIDDEN)
      .column("container_image", row::container_image, "Image of the container, likewise.", HIDDEN)
      .column("unit", row::unit, "systemd unit of the process.", HIDDEN)
      .column("ancestors", row::ancestors, "Pids from the parent to 1, as a JSON array.", HIDDEN)
      .column("process_key", row::process_key, "The process, told from others with its pid: pid and start.", HIDDEN)
      .example("SELECT pid, json_cmdline FROM bpf_process_events WHERE exe_state = 'memfd'");
}

}  // namespace osprey::events::tables
