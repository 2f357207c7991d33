#include "events/tables/file_rows.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<FileEvent>;

// OPENED tells it already, and osquery knows no other.
bool is_osquerys(const FileEvent& event) { return event.action != FileAction::opened_for_writing; }

}  // namespace

Table file_events() {
  return event_table<FileEvent, is_osquerys>("file_events",
                                             "What happened to files below the paths that file_paths names.")
      .column("target_path", TEXT, row::field<&FileEvent::path>, "Path of the file.")
      .column("category", TEXT, row::field<&FileEvent::category>, "Category of file_paths that has it.")
      .column("action", TEXT, file_row::action, file_row::kActionHelp)
      .column(
          "transaction_id", BIGINT, [](const Row& row) { return static_cast<std::int64_t>(row.event.transaction); },
          "Joins MOVED_FROM and MOVED_TO; else 0.")
      .column("inode", BIGINT, file_row::inode, "Inode number.")
      .column(
          "uid", BIGINT, [](const Row& row) { return row.event.file.uid; }, "Id of the owner.")
      .column(
          "gid", BIGINT, [](const Row& row) { return row.event.file.gid; }, "Id of the group.")
      .column("mode", TEXT, file_row::mode, "Permission bits, in octal.")
      .column("size", BIGINT, file_row::size, "Bytes.")
      .column(
          "atime", BIGINT, [](const Row& row) { return row.event.file.atime; },
          "When it was read last, in Unix seconds.")
      .column("mtime", BIGINT, file_row::mtime, "When it was written last, in Unix seconds.")
      .column(
          "ctime", BIGINT, [](const Row& row) { return row.event.file.ctime; },
          "When its attributes changed last, in Unix seconds.")
      .column("md5", TEXT, row::field<&FileEvent::md5>, "MD5 of the content.", NOCASE)
      .column("sha1", TEXT, row::field<&FileEvent::sha1>, "SHA-1 of the content.", NOCASE)
      .column("sha256", TEXT, row::field<&FileEvent::sha256>, "SHA-256 of the content.", NOCASE)
      .column("hashed", INTEGER, row::field<&FileEvent::hashed>,
              "1 if it was read for its digests, 0 if not, -1 if that failed.")
      .column("time", BIGINT, &Row::time, "When it happened, in Unix seconds.", ADDITIONAL)
      .column("eid", TEXT, &Row::eid, "Number of the event in its table.", HIDDEN)
      .column("pid", BIGINT, row::known_pid, "Process that did it; empty where the source does not tell.", HIDDEN)
      .column("exe", TEXT, row::path, "Its executable.", HIDDEN)
      .columns(columns::container)
      .column("sha512", TEXT, row::field<&FileEvent::sha512>, "SHA-512 of the content.", HIDDEN)
      .example("SELECT target_path, action, sha256 FROM file_events WHERE category = 'etc'")
      .note(
          "GAP rows say that events were lost; what changed meanwhile is told as far as it can be seen. Files are "
          "hashed only where a query of the schedule, a view or a flag asks for digests: else hashed is 0.");
}

}  // namespace osprey::events::tables
