#include "events/tables/table.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<ProcessFileEvent>;

// osquery has these as text.
std::string text(const std::optional<std::uint32_t>& id) { return id ? std::to_string(*id) : std::string(); }

template <std::optional<std::uint32_t> Credentials::* field>
std::string id(const Row& row) {
  return text(row.event.actor.ids.*field);
}

std::string login_uid(const Row& row) { return std::to_string(row.event.actor.ids.login_uid.value_or(UINT32_MAX)); }

}  // namespace

Table process_file_events() {
  return event_table<ProcessFileEvent>("process_file_events",
                                       "What processes did with files below file_paths, by their system calls.")
      .column(
          "operation", TEXT, [](const Row& row) { return row.event.operation; },
          "open, open+truncate, read, write, close, link, symlink, rename or unlink.")
      .column("pid", BIGINT, row::pid, "Process id.")
      .column("ppid", BIGINT, row::parent, "Pid of the parent.")
      .column("time", BIGINT, &Row::time, "When it happened, in Unix seconds.", ADDITIONAL)
      .column("executable", TEXT, row::path, "Executable.")
      .column(
          "partial", TEXT, [](const Row& row) { return row.event.partial ? "true" : "false"; },
          "true if the file was open before osprey looked.")
      .column(
          "cwd", TEXT, [](const Row& row) { return row.event.cwd; }, "Working directory of the process.")
      .column(
          "path", TEXT, [](const Row& row) { return row.event.path; }, "The file.")
      .column(
          "dest_path", TEXT, [](const Row& row) { return row.event.destination; },
          "The name that a link or a rename made.")
      .column("uid", TEXT, id<&Credentials::uid>, "User of the process.")
      .column("gid", TEXT, id<&Credentials::gid>, "Group of the process.")
      .column("auid", TEXT, login_uid, "User that logged in; 4294967295 where nobody did.")
      .column("euid", TEXT, id<&Credentials::euid>, "Effective user.")
      .column("egid", TEXT, id<&Credentials::egid>, "Effective group.")
      .column("fsuid", TEXT, id<&Credentials::fsuid>, "Filesystem user.")
      .column("fsgid", TEXT, id<&Credentials::fsgid>, "Filesystem group.")
      .column("suid", TEXT, id<&Credentials::suid>, "Saved user.")
      .column("sgid", TEXT, id<&Credentials::sgid>, "Saved group.")
      .column("uptime", BIGINT, row::uptime, "The time of the event, in seconds since the machine was started.")
      .column("eid", TEXT, &Row::eid, "Number of the event.", HIDDEN)
      .column("container_id", row::container_id, "Container of the process.", HIDDEN)
      .column("container_name", row::container_name, "Name of the container, as its engine has it.", HIDDEN)
      .column("container_image", row::container_image, "Image of the container, likewise.", HIDDEN)
      .column("process_key", row::process_key, "The process, told from others with its pid: pid and start.", HIDDEN)
      .example("SELECT time, executable, operation, path FROM process_file_events WHERE operation = 'write'")
      .note("By audit, which tells of every call of every program: file_events costs less.");
}

}  // namespace osprey::events::tables
