// DirectoryWatches of inotify(7): needs no capability, and tells of nobody's process.
#pragma once

#include <vector>

#include "base/unique_fd.h"
#include "events/watch/directory_watches.h"

namespace osprey::events {

class InotifyWatches final : public DirectoryWatches {
 public:
  Result<void> open() override;
  void close() noexcept override;
  int descriptor() const noexcept override { return inotify_.get(); }
  int add(int fd, std::uint32_t mask) override;
  void remove(int watch, const std::string& path) override;
  Result<std::span<const DirectoryEvent>> read() override;
  std::string_view limit() const noexcept override { return "fs.inotify.max_user_watches"; }
  std::string_view queue_limit() const noexcept override { return "fs.inotify.max_queued_events"; }

 private:
  UniqueFd inotify_;
  std::vector<char> buffer_;
  std::vector<DirectoryEvent> events_;
};

}  // namespace osprey::events
