#include "events/tables/file_rows.h"

#include <fmt/format.h>

namespace osprey::events::tables::file_row {

std::string_view action_text(FileAction what) noexcept {
  switch (what) {
    case FileAction::created:
      return "CREATED";
    case FileAction::updated:
      return "UPDATED";
    case FileAction::attributes_modified:
      return "ATTRIBUTES_MODIFIED";
    case FileAction::moved_from:
      return "MOVED_FROM";
    case FileAction::moved_to:
      return "MOVED_TO";
    case FileAction::deleted:
      return "DELETED";
    case FileAction::opened:
      return "OPENED";
    case FileAction::accessed:
      return "ACCESSED";
    case FileAction::opened_for_writing:
      return "OPENED_FOR_WRITING";
    case FileAction::gap:
      return "GAP";
  }
  return {};
}

std::optional<std::string> mode_text(const FileState& file) {
  if (!file.mode) return std::nullopt;
  return fmt::format("{:04o}", *file.mode & 07777);
}

}  // namespace osprey::events::tables::file_row
