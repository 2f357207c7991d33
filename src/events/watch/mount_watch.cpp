#include "events/watch/mount_watch.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "base/root.h"
#include "linux/sandbox/capabilities.h"

namespace osprey::events {
namespace {

constexpr int kGap = 100;               // milliseconds: whoever mounts a lot is looked at so often
constexpr std::size_t kCap = 16 << 20;  // bytes of mountinfo
constexpr auto kFile = "/proc/thread-self/mountinfo";

}  // namespace

Result<void> MountWatch::open() {
  UniqueFd file(::open(kFile, O_RDONLY | O_CLOEXEC));
  UniqueFd waited(::open(kFile, O_RDONLY | O_CLOEXEC));
  if (!file || !waited) return system_failure(kFile);
  UniqueFd changed(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  UniqueFd stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!changed || !stop) return system_failure("eventfd");
  file_ = std::move(file);
  changed_ = std::move(changed);
  stop_ = std::move(stop);
  thread_ = linux::thread_with_only({}, "events: mounts", [this, fd = waited.release()] { wait(fd); });
  return {};
}

void MountWatch::wait(int file) noexcept {
  const UniqueFd mounts(file);
  for (;;) {
    std::array<pollfd, 2> polled{pollfd{mounts.get(), POLLPRI, 0}, pollfd{stop_.get(), POLLIN, 0}};
    if (::poll(polled.data(), polled.size(), -1) < 0) continue;
    if (polled[1].revents != 0) return;
    const std::uint64_t one = 1;
    if (polled[0].revents == 0) continue;
    [[maybe_unused]] const auto size = ::write(changed_.get(), &one, sizeof one);
    pollfd stop{stop_.get(), POLLIN, 0};
    if (::poll(&stop, 1, kGap) > 0) return;
  }
}

void MountWatch::close() noexcept {
  if (thread_.joinable()) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto size = ::write(stop_.get(), &one, sizeof one);
    thread_.join();
  }
  file_.reset();
  changed_.reset();
  stop_.reset();
}

bool MountWatch::changed() noexcept {
  std::uint64_t count = 0;
  return ::read(changed_.get(), &count, sizeof count) == sizeof count;
}

Result<std::vector<Mount>> MountWatch::read() {
  ::lseek(file_.get(), 0, SEEK_SET);
  const auto content = TRY(read_all(file_.get(), kCap, kFile));
  auto table = parse_mountinfo(content.bytes);
  // A later mount at the same point, or above it, hides what was there.
  std::vector<Mount> reached;
  for (auto& mount : table.mounts) {
    std::erase_if(reached, [&](const Mount& earlier) {
      return lies_below(earlier.point, mount.point) && earlier.id != mount.parent_id && mount.point != "/";
    });
    std::erase_if(reached, [&](const Mount& earlier) { return earlier.point == mount.point; });
    reached.push_back(std::move(mount));
  }
  return reached;
}

bool lies_below(std::string_view path, std::string_view directory) noexcept {
  if (directory == "/") return path.starts_with('/');
  return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

const Mount* mount_of(const std::vector<Mount>& mounts, std::string_view path) noexcept {
  const Mount* found = nullptr;
  for (const auto& mount : mounts)
    if (lies_below(path, mount.point) && (found == nullptr || mount.point.size() >= found->point.size()))
      found = &mount;
  return found;
}

std::vector<std::string> changed_points(const std::vector<Mount>& before, const std::vector<Mount>& after) {
  std::map<std::string_view, std::int64_t> was;
  for (const auto& mount : before) was.emplace(mount.point, mount.id);
  std::vector<std::string> points;
  for (const auto& mount : after) {
    const auto found = was.find(mount.point);
    if (found == was.end() || found->second != mount.id) points.push_back(mount.point);
    if (found != was.end()) was.erase(found);
  }
  for (const auto& [point, id] : was) points.emplace_back(point);
  std::ranges::sort(points);
  return points;
}

bool is_kernel_interface(std::string_view type) noexcept {
  constexpr std::array<std::string_view, 15> kTypes = {"proc",       "sysfs",     "cgroup",  "cgroup2",  "devpts",
                                                       "mqueue",     "debugfs",   "tracefs", "bpf",      "pstore",
                                                       "securityfs", "selinuxfs", "nsfs",    "configfs", "binfmt_misc"};
  return std::ranges::find(kTypes, type) != kTypes.end();
}

std::vector<std::string> mounted_files(const std::vector<Mount>& mounts, const WatchPatterns& patterns) {
  std::vector<std::string> files;
  for (const auto& mount : mounts) {
    if (mount.point == "/" || may_hang(mount.type) || is_kernel_interface(mount.type)) continue;
    const auto slash = mount.point.rfind('/');
    WatchPatterns::Categories categories;
    patterns.match(patterns.at(std::string_view(mount.point).substr(0, slash)),
                   std::string_view(mount.point).substr(slash + 1), categories);
    struct statx info{};
    if (categories.empty() ||
        ::statx(AT_FDCWD, mount.point.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, &info) != 0)
      continue;
    if (S_ISREG(info.stx_mode)) files.push_back(mount.point);
  }
  return files;
}

std::set<std::string, std::less<>> avoided_mounts(const std::vector<Mount>& mounts,
                                                  const std::vector<std::string>& bases) {
  std::set<std::string, std::less<>> avoided;
  for (const auto& mount : mounts) {
    if (!may_hang(mount.type) && !is_kernel_interface(mount.type)) continue;
    if (std::ranges::none_of(bases, [&](const auto& base) { return lies_below(base, mount.point); }))
      avoided.insert(mount.point);
  }
  return avoided;
}

}  // namespace osprey::events
