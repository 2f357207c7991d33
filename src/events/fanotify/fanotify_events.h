// The bytes that read(2) gives from a fanotify group with FAN_REPORT_DFID_NAME (fanotify(7)).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace osprey::events {

// A file's handle: eight bytes of its filesystem's id (statfs(2)), then a struct file_handle of open_by_handle_at(2).
using FileHandle = std::string_view;

std::uint64_t filesystem_of(FileHandle handle) noexcept;

struct FanotifyEvent {
  struct Entry {
    FileHandle directory;
    std::string_view name;  // empty: the directory itself; else with a NUL behind it
    const char* c_name() const noexcept { return name.empty() ? "" : name.data(); }
  };
  std::uint64_t mask = 0;  // FAN_*
  std::int64_t pid = 0;
  int pidfd = -1;              // the reader's to close; -1: the process is gone, or none was asked for
  std::optional<Entry> entry;  // what it happened to
  std::optional<Entry> from;   // of FAN_RENAME
  std::optional<Entry> to;     // likewise
  FileHandle object;           // the file itself; may be empty
};

// Takes the first event off `bytes`, which are not empty; its texts are views into them. An error: the rest makes no
// sense.
Result<FanotifyEvent> take_fanotify_event(std::string_view& bytes);

}  // namespace osprey::events
