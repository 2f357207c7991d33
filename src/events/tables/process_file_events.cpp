#include "events/tables/table.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<ProcessFileEvent>;

// osquery has these as text.
template <std::optional<std::uint32_t> Credentials::* field>
std::string id(const Row& row) {
  return number_text(row.event.actor.ids.*field);
}

std::string login_uid(const Row& row) { return std::to_string(row.event.actor.ids.login_uid.value_or(UINT32_MAX)); }

}  // namespace

Table process_file_events() {
  return event_table<ProcessFileEvent>("process_file_events",
                                       "What processes did with files below file_paths, by their system calls.")
      .column("operation", TEXT, row::field<&ProcessFileEvent::operation>,
              "open, open+truncate, read, write, close, link, symlink, rename or unlink.")
      .column("pid", BIGINT, row::pid, "Process id.")
      .column("ppid", BIGINT, row::parent, "Pid of the parent.")
      .column("time", BIGINT, &Row::time, "When it happened, in Unix seconds.", ADDITIONAL)
      .column("executable", TEXT, row::path, "Executable.")
      .column(
          "partial", TEXT, [](const Row& row) { return row.event.partial ? "true" : "false"; },
          "true if the file was open before osprey looked.")
      .column("cwd", TEXT, row::field<&ProcessFileEvent::cwd>, "Working directory of the process.")
      .column("path", TEXT, row::field<&ProcessFileEvent::path>, "The file.")
      .column("dest_path", TEXT, row::field<&ProcessFileEvent::destination>, "The name that a link or a rename made.")
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
      .columns(columns::container)
      .columns(columns::process_key)
      .columns(columns::username)
      .example("SELECT time, executable, operation, path FROM process_file_events WHERE operation = 'write'")
      .note("By audit, which tells of every call of every program: file_events costs less.");
}

}  // namespace osprey::events::tables
