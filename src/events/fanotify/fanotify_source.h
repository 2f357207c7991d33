// The source of file events that knows who acted: fanotify(7), one mark a filesystem.
#pragma once

#include <chrono>
#include <memory>

#include "events/source.h"
#include "events/watch/watch_patterns.h"

namespace osprey::events {

struct FanotifyOptions {
  WatchPatterns::Meaning meaning = WatchPatterns::Meaning::exact;
  std::chrono::milliseconds pace{50};  // between two readings under load
  std::int64_t own_pid = -1;           // whose acts are not told; -1: this process's
  // Events that the kernel may hold, about 200 bytes each: when there are more they are let go, and a gap is told.
  std::size_t most_queued = 250'000;
  bool unlimited_queue = true;  // false: fs.fanotify.max_queued_events
  bool renames = true;          // false: as before Linux 5.17, which has no FAN_RENAME
};

// Needs Linux 5.9, CAP_SYS_ADMIN (the group, its marks, private copies of mounts) and CAP_DAC_READ_SEARCH
// (open_by_handle_at(2)) for as long as it is open. Filesystems that cannot be marked as a whole (overlay without
// nfs_export), and single files that are mounted, have a mark on each inode (Linux 6.6), or, where that is refused too,
// are watched by inotify, which tells of nobody's process.
std::unique_ptr<Source> fanotify_source(const FanotifyOptions& options = {});

// Whether this kernel lets us: an error says what it refuses.
Result<void> fanotify_works();

}  // namespace osprey::events
