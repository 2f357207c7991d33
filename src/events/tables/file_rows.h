// What the tables of file events share.
#pragma once

#include <optional>
#include <string>

#include "events/tables/table.h"

namespace osprey::events::tables::file_row {

inline constexpr std::string_view kActionHelp =
    "CREATED, UPDATED, ATTRIBUTES_MODIFIED, MOVED_FROM, MOVED_TO, DELETED, OPENED, OPENED_FOR_WRITING, ACCESSED or "
    "GAP.";

std::string_view action_text(FileAction what) noexcept;
// "0644"
std::optional<std::string> mode_text(const FileState& file);

inline constexpr auto action = [](const EventRow<FileEvent>& row) { return action_text(row.event.action); };
inline constexpr auto mode = [](const EventRow<FileEvent>& row) { return mode_text(row.event.file); };
inline constexpr auto size = [](const EventRow<FileEvent>& row) { return row.event.file.size; };
inline constexpr auto mtime = [](const EventRow<FileEvent>& row) { return row.event.file.mtime; };
inline constexpr auto inode = [](const EventRow<FileEvent>& row) -> std::optional<std::int64_t> {
  if (!row.event.file.inode) return std::nullopt;
  return static_cast<std::int64_t>(*row.event.file.inode);
};

}  // namespace osprey::events::tables::file_row
