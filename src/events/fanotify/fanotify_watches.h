// DirectoryWatches of fanotify(7), with marks on inodes: they tell who acted, also on filesystems whose file handles
// lead nowhere, overlay among them.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "events/fanotify/fanotify_events.h"
#include "events/fanotify/fanotify_group.h"
#include "events/watch/directory_watches.h"

namespace osprey::events {

// Needs CAP_SYS_ADMIN, Linux 6.6 for overlay and others without handles that can be opened (6.5: AT_HANDLE_FID); add()
// is refused where it does not work.
class FanotifyWatches final : public DirectoryWatches {
 public:
  struct Options {
    std::int64_t own_pid = -1;  // whose acts are not told; -1: of nobody
    // Events that the kernel may hold; when there are more they are let go, as if it had done so.
    std::size_t most_queued = 250'000;
    bool unlimited_queue = true;
  };
  explicit FanotifyWatches(const Options& options) : options_(options) {}

  Result<void> open() override;
  void close() noexcept override;
  int descriptor() const noexcept override { return group_.fd.get(); }
  int add(int fd, std::uint32_t mask) override;
  // The mark of what is not found at `path` any more stays until its inode goes; its events are not told.
  void remove(int watch, const std::string& path) override;
  Result<std::span<const DirectoryEvent>> read() override;
  bool tells_of_itself() const noexcept override { return true; }
  void saw(int watch, int parent, const char* name) override;
  std::string_view limit() const noexcept override { return "fs.fanotify.max_user_marks"; }
  std::string_view queue_limit() const noexcept override { return "fs.fanotify.max_queued_events"; }

 private:
  static constexpr std::size_t kMostNamed = 65'536;

  // How many were let go.
  Result<std::uint32_t> let_go_of_too_many();
  void take(const FanotifyEvent& event, const ProcessKey& process);
  void take_rename(const FanotifyEvent& event, const ProcessKey& process);
  void tell(int watch, std::string_view name, std::uint64_t mask, const ProcessKey& process);
  int watch_of(FileHandle handle) const;
  void name(FileHandle handle, int watch, std::string_view name);

  const Options options_;
  FanotifyGroup group_;
  std::unique_ptr<char[]> buffer_;
  std::vector<DirectoryEvent> events_;
  std::unordered_map<std::string, int> by_handle_;
  std::unordered_map<int, const std::string*> handles_;  // keys of by_handle_
  // Directories in those that are watched: what is done to their attributes is told with their own handle alone.
  std::unordered_map<std::string, std::pair<int, std::string>> named_;
  bool named_full_ = false;
  std::unordered_map<std::int64_t, ProcessKey> processes_;  // of what is read
  std::uint32_t cookie_ = 0;
  int next_ = 0;
};

}  // namespace osprey::events
