// DirectoryWatches: what tells of the entries of directories, a watch a directory: inotify(7), or fanotify(7) with
// marks on inodes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "events/kinds/actor.h"

namespace osprey::events {

struct DirectoryEvent {
  int watch = -1;            // that add() gave; what none gave is not of interest
  std::uint32_t mask = 0;    // IN_*: what happened, with IN_ISDIR; or IN_Q_OVERFLOW, or IN_IGNORED: the watch is gone
  std::uint32_t cookie = 0;  // joins IN_MOVED_FROM and IN_MOVED_TO; of IN_Q_OVERFLOW how many were lost, 0: not known
  std::string_view name;     // empty: what is watched itself
  ProcessKey process;        // that did it; empty where that is not told
  bool coalesced = false;    // with others
};

// Not for several threads.
class DirectoryWatches {
 public:
  virtual ~DirectoryWatches() = default;

  virtual Result<void> open() = 0;
  virtual void close() noexcept = 0;
  // -1: not open.
  virtual int descriptor() const noexcept = 0;

  // Watches the directory (IN_ONLYDIR) or file that is open at `fd` (O_PATH is enough) for `mask`, IN_*, besides what
  // it is watched for already. The same number for the same file, whatever way leads there; -1 and errno.
  virtual int add(int fd, std::uint32_t mask) = 0;
  // `path`: where it was last.
  virtual void remove(int watch, const std::string& path) = 0;
  // What happened since, without waiting; valid until the next call. Empty: nothing.
  virtual Result<std::span<const DirectoryEvent>> read() = 0;

  // Whether what a directory's own attributes are changed to is told to its own watch, and not to its parent's.
  virtual bool tells_of_itself() const noexcept { return false; }
  // A directory that is itself not watched was seen as an entry of one that is.
  virtual void saw(int watch, int parent, const char* name) { (void)watch, (void)parent, (void)name; }
  // What bounds the number of watches, and the queue.
  virtual std::string_view limit() const noexcept = 0;
  virtual std::string_view queue_limit() const noexcept = 0;
};

}  // namespace osprey::events
