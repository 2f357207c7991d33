#include <fmt/format.h>

#include "events/tables/process_columns.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<ProcessEvent>;

// osquery tells of what was done, not of what was tried.
bool succeeded(const ProcessEvent& event) { return event.result >= 0; }

bool is_fork(const Row& row) { return row.event.target.pid != 0 && row.event.signal == 0; }

// Of a fork the new process, which at this moment is what its parent is.
std::int64_t pid(const Row& row) { return is_fork(row) ? row.event.target.pid : row.event.actor.process.pid; }
std::int64_t parent(const Row& row) { return is_fork(row) ? row.event.actor.process.pid : row.event.actor.parent.pid; }

std::string mode(const Row& row) {
  return row.event.executable.mode ? fmt::format("0{:o}", *row.event.executable.mode) : std::string();
}

std::string cmdline(const Row& row) {
  return row.event.arguments.empty() ? std::string(row.event.actor.cmdline) : joined(row.event.arguments);
}

// "socket 10.0.0.1:443", "pipe"; empty where nobody knew.
template <std::size_t descriptor>
std::string stream(const Row& row) {
  if (descriptor >= row.event.streams.size()) return {};
  const auto& stream = row.event.streams[descriptor];
  return stream.peer.empty() ? std::string(stream.kind) : fmt::format("{} {}", stream.kind, stream.peer);
}

std::string_view overflows(const Row& row) { return row.event.arguments_truncated ? "cmdline" : ""; }

}  // namespace

Table process_events() {
  return event_table<ProcessEvent, succeeded>("process_events",
                                              "Programs that were executed, processes forked and "
                                              "signals sent, when it happened.")
      .column("pid", BIGINT, pid, "Process id: of a fork that of the new process.")
      .column("path", TEXT, row::path, "Executable.")
      .column("mode", TEXT, mode, "Its file mode, octal.")
      .column("cmdline", TEXT, cmdline, "Arguments, with a space between.")
      .column("cmdline_size", BIGINT, row::field<&ProcessEvent::arguments_size>,
              "Bytes of the arguments, what was cut off included.", HIDDEN)
      .column(
          "env", TEXT, [](const Row& row) { return joined(row.event.environment); },
          "Environment variables that the configuration asks for.", HIDDEN)
      .column_alias("environment", "env")
      .column("env_count", BIGINT, row::field<&ProcessEvent::environment_count>, "How many variables there are.",
              HIDDEN)
      .column_alias("environment_count", "env_count")
      .column("env_size", BIGINT, row::field<&ProcessEvent::environment_size>, "Their bytes.", HIDDEN)
      .column_alias("environment_size", "env_size")
      .columns(columns::working_directory)
      .column("auid", BIGINT, row::login_uid, "User that logged in; 4294967295 where nobody did.")
      .column("uid", BIGINT, row::uid, "User id.")
      .column("euid", BIGINT, row::euid, "Effective user id.")
      .column("gid", BIGINT, row::gid, "Group id.")
      .column("egid", BIGINT, row::egid, "Effective group id.")
      .column(
          "owner_uid", BIGINT, [](const Row& row) { return row.event.executable.uid; }, "Owner of the executable.")
      .column(
          "owner_gid", BIGINT, [](const Row& row) { return row.event.executable.gid; }, "Group of the executable.")
      .column(
          "atime", BIGINT, [](const Row& row) { return row.event.executable.atime; },
          "When the executable was read last, in Unix seconds.")
      .column_alias("access_time", "atime")
      .column(
          "mtime", BIGINT, [](const Row& row) { return row.event.executable.mtime; },
          "When its content changed last, in Unix seconds.")
      .column_alias("modify_time", "mtime")
      .column(
          "ctime", BIGINT, [](const Row& row) { return row.event.executable.ctime; },
          "When its inode changed last, in Unix seconds.")
      .column_alias("change_time", "ctime")
      .column(
          "btime", BIGINT, [](const Row&) { return std::int64_t{0}; }, "Always 0, as in osquery.")
      .column_alias("create_time", "btime")
      .column("overflows", TEXT, overflows, "Columns that were cut off.", HIDDEN)
      .column("parent", BIGINT, parent, "Pid of the parent.")
      .columns(columns::when)
      .column(
          "fsuid", BIGINT, [](const Row& row) { return row.event.actor.ids.fsuid; }, "User id for file access.")
      .column(
          "suid", BIGINT, [](const Row& row) { return row.event.actor.ids.suid; }, "Saved user id.")
      .column(
          "fsgid", BIGINT, [](const Row& row) { return row.event.actor.ids.fsgid; }, "Group id for file access.")
      .column(
          "sgid", BIGINT, [](const Row& row) { return row.event.actor.ids.sgid; }, "Saved group id.")
      .column("syscall", TEXT, row::field<&ProcessEvent::syscall>,
              "The system call: execve, execveat, fork, clone, kill…")
      .columns(columns::container_and_unit)
      .columns(columns::ancestors)
      .columns(columns::arch)
      .columns(columns::executable_state)
      .column("sha256", row::field<&ProcessEvent::executable_sha256>,
              "Of the executable, with --events_hash_executables; empty where it was gone or the budget was spent.",
              HIDDEN)
      .column("source", row::origin, "Who said so: bpf, audit, connector.", HIDDEN)
      .columns(columns::process_key)
      .columns(columns::username)
      .column(
          "target_pid", [](const Row& row) { return row.event.target.pid; }, "Of a signal: who was to get it.", HIDDEN)
      .column("signal", row::field<&ProcessEvent::signal>, "The signal's number.", HIDDEN)
      .column("stdin", stream<0>, "What standard input is: file, pipe, tty, or socket and who is at its other end.",
              HIDDEN)
      .column("stdout", stream<1>, "The same of standard output.", HIDDEN)
      .example("SELECT time, pid, path, cmdline FROM process_events WHERE time > unixepoch() - 600")
      .note("Rows are what the agent has kept. Calls that failed are in bpf_process_events.");
}

}  // namespace osprey::events::tables
