// MountWatch: the mounts as the calling process sees them, and a word whenever they change.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/mountinfo.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "events/watch/watch_patterns.h"

namespace osprey::events {

// poll(2) on mountinfo forgets a change once anybody has asked, so a thread of its own waits there: it does nothing
// else.
class MountWatch {
 public:
  MountWatch() = default;
  ~MountWatch() { close(); }
  MountWatch(const MountWatch&) = delete;
  MountWatch& operator=(const MountWatch&) = delete;

  // Of the mount namespace of the calling thread.
  Result<void> open();
  void close() noexcept;

  // Readable once something has changed.
  int descriptor() const noexcept { return changed_.get(); }
  // Whether that is so, since the last call.
  bool changed() noexcept;
  // The mounts that can be reached; what a later mount hides is left out.
  Result<std::vector<Mount>> read();

 private:
  void wait(int file) noexcept;

  UniqueFd file_;
  UniqueFd changed_;
  UniqueFd stop_;
  std::thread thread_;
};

// Whether `path` is `directory` or lies below it.
bool lies_below(std::string_view path, std::string_view directory) noexcept;
// The mount that `path` lies on; null where there is none.
const Mount* mount_of(const std::vector<Mount>& mounts, std::string_view path) noexcept;
// Points where something was mounted or unmounted in between.
std::vector<std::string> changed_points(const std::vector<Mount>& before, const std::vector<Mount>& after);
// Filesystems that are the kernel's own words (proc, sysfs, cgroup…): files there do not change, they are made up.
bool is_kernel_interface(std::string_view filesystem_type) noexcept;
// Files (not directories) that something else is mounted on and that the patterns want, by their paths: as containers
// have it with /etc/hosts. Neither what may hang nor the kernel's interfaces (nsfs and the like).
std::vector<std::string> mounted_files(const std::vector<Mount>& mounts, const WatchPatterns& patterns);
// Mount points that no walk is to enter: what may hang and the kernel's interfaces, but where a pattern names them.
std::set<std::string, std::less<>> avoided_mounts(const std::vector<Mount>& mounts,
                                                  const std::vector<std::string>& bases);

}  // namespace osprey::events
