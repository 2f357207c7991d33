#include "events/tables/file_rows.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<FileEvent>;

std::optional<std::string> device(const Row& row) {
  if (!row.event.file.device) return std::nullopt;
  return device_text(*row.event.file.device);
}

std::optional<std::int64_t> mount_id(const Row& row) {
  if (!row.event.mount_id) return std::nullopt;
  return static_cast<std::int64_t>(*row.event.mount_id);
}

}  // namespace

Table file_access_events() {
  return event_table<FileEvent>("file_access_events", "What happened to watched files, and which process did it.")
      .columns(columns::when)
      .column("action", file_row::action, file_row::kActionHelp)
      .column("target_path", row::field<&FileEvent::path>, "Path of the file.")
      .column("old_path", row::field<&FileEvent::old_path>, "Of MOVED_TO: where it was.")
      .column("category", row::field<&FileEvent::category>, "Category of file_paths that has it.")
      .column("pid", row::known_pid, "Process that did it; empty where the source does not tell.")
      .column("exe", row::path, "Its executable.")
      .column("cmdline", row::cmdline, "Its arguments.")
      .column("uid", row::uid, "Its user.")
      .column("inode", file_row::inode, "Inode number.")
      .column("device", device, "Device of the filesystem, major:minor.")
      .column("mode", file_row::mode, "Permission bits, in octal.")
      .column("size", file_row::size, "Bytes.")
      .column("mtime", file_row::mtime, "When it was written last, in Unix seconds.")
      .column("sha256", row::field<&FileEvent::sha256>, "SHA-256 of the content.")
      .column("hashed", row::field<&FileEvent::hashed>, "1 if it was read for its digest, 0 if not, -1 if that failed.")
      .column("mount_id", mount_id, "The mount by which the path leads there.")
      .column("coalesced", row::field<&FileEvent::coalesced>,
              "1 if the kernel joined several events, or it was found after a gap.")
      .columns(columns::attribution)
      .column(
          "transaction_id", [](const Row& row) { return static_cast<std::int64_t>(row.event.transaction); },
          "Joins MOVED_FROM and MOVED_TO; else 0.", HIDDEN)
      .example("SELECT time, action, target_path, exe, uid FROM file_access_events WHERE target_path LIKE '/etc/%'");
}

}  // namespace osprey::events::tables
