#include "base/root.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <set>

#include "base/mountinfo.h"
#include "base/text.h"

namespace osprey {
namespace {

constexpr int kMaxLinks = 40;  // as the kernel's own limit (path_resolution(7))

Result<UniqueFd> open_at(int directory, const std::string& path, int flags, std::uint64_t resolve) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.resolve = resolve;
  for (int attempt = 0;; ++attempt) {
    const auto fd = ::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how);
    if (fd >= 0) return UniqueFd(static_cast<int>(fd));
    // EAGAIN: something was renamed while ".." was being resolved; the manual says to try again.
    if (errno == EINTR || (errno == EAGAIN && attempt < 8)) continue;
    return system_failure(path);
  }
}

// procfs and tracefs have files whose reading takes something away from their real reader (R4).
bool consumes(int fd, std::string_view path) {
  struct statfs info;
  if (::fstatfs(fd, &info) != 0) return false;
  const auto name = path.substr(path.rfind('/') + 1);
  switch (static_cast<unsigned long>(info.f_type)) {
    case PROC_SUPER_MAGIC:
      return name == "kmsg";
    case TRACEFS_MAGIC:
    case DEBUGFS_MAGIC:
      return name.starts_with("trace_pipe");
    default:
      return false;
  }
}

// Where a descriptor leads, by the kernel's name for it.
Result<std::string> descriptor_path(int fd) {
  std::array<char, 4096> target;
  const auto link = "/proc/self/fd/" + std::to_string(fd);
  const auto length = ::readlink(link.c_str(), target.data(), target.size());
  if (length < 0) return system_failure(link);
  return std::string(target.data(), static_cast<std::size_t>(length));
}

constexpr const char* kClimbs = "would climb out of the directory";
constexpr const char* kCrosses = "crosses into a network, FUSE or automount mount";

Result<struct statx> statx_at(int directory, const char* name, int flags, std::string_view path) {
  struct statx info;
  if (::statx(directory, name, flags | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC,
              STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID, &info) != 0)
    return system_failure(std::string(path));
  return info;
}

const char* kind_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return "a directory";
    case S_IFIFO:
      return "a FIFO";
    case S_IFSOCK:
      return "a socket";
    case S_IFCHR:
    case S_IFBLK:
      return "a device";
    case S_IFLNK:
      return "a symbolic link";
    default:
      return "something else";
  }
}

}  // namespace

// The directory, and what of the mount table below it must not be touched.
struct Root::State {
  UniqueFd directory;
  bool host = false;
  std::string prefix;  // where the tree stands in the mount table's eyes, without a trailing slash
  UniqueFd mountinfo;  // poll(2) says POLLPRI when the table changed
  std::mutex mutex;
  std::shared_ptr<const MountPoints> hanging;

  // Mount points that may hang, by their path in this root. The set is empty on most hosts, and one poll tells
  // that it still is. Never null.
  std::shared_ptr<const MountPoints> hanging_now() {
    const std::lock_guard lock(mutex);
    pollfd changed{mountinfo.get(), POLLPRI, 0};
    if (hanging && ::poll(&changed, 1, 0) == 0) return hanging;
    hanging = std::make_shared<const MountPoints>(read_hanging());
    return hanging;
  }

  MountPoints read_hanging() const {
    MountPoints points;
    if (!mountinfo || ::lseek(mountinfo.get(), 0, SEEK_SET) != 0) return points;
    const auto table = read_all(mountinfo.get(), kTextCap, "mountinfo");
    if (!table) return points;
    for (const auto& mount : parse_mountinfo(table->bytes).mounts) {
      if (!may_hang(mount.type)) continue;
      const auto& point = mount.point;
      if (prefix.empty()) {
        points.insert(point);
      } else if (point.size() > prefix.size() && point.starts_with(prefix) && point[prefix.size()] == '/') {
        points.insert(point.substr(prefix.size()));
      }
    }
    return points;
  }
};

Root::Root(std::shared_ptr<State> state) : state_(std::move(state)) {}

Root Root::host() {
  auto state = std::make_shared<State>();
  state->directory.reset(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  state->mountinfo.reset(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
  state->host = true;
  return Root(std::move(state));
}

Result<Root> Root::at(const std::string& directory) {
  auto state = std::make_shared<State>();
  state->directory.reset(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!state->directory) return system_failure(directory);
  std::array<char, 4096> real;
  if (::realpath(directory.c_str(), real.data())) state->prefix = real.data();
  if (state->prefix == "/") state->prefix.clear();
  state->mountinfo.reset(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
  return Root(std::move(state));
}

Result<Root> Root::of_process(pid_t pid) const {
  // Elsewhere /proc/PID/root is an ordinary link, which would be followed out of the tree.
  if (!is_host()) return failure("/proc/" + std::to_string(pid) + "/root", "only the host's own processes have a root");
  // Held by descriptor from here on, so that the process may end without the number meaning another one (R7).
  const auto process = TRY(open_at(state_->directory.get(), "proc/" + std::to_string(pid), O_PATH | O_DIRECTORY, 0));
  auto state = std::make_shared<State>();
  state->directory.reset(::openat(process.get(), "root", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!state->directory) return system_failure("/proc/" + std::to_string(pid) + "/root");
  state->mountinfo.reset(::openat(process.get(), "mountinfo", O_RDONLY | O_CLOEXEC));
  return Root(std::move(state));
}

bool Root::is_host() const noexcept { return state_->host; }

Result<UniqueFd> Root::resolve(std::string_view path, int flags, std::string* real) const {
  if (path.empty() || path.front() != '/') return failure(std::string(path), "not an absolute path");
  if (path.find('\0') != path.npos) return failure(escape_invalid_utf8(path), "a NUL in a path");
  const int root = state_->directory.get();
  constexpr auto kInside = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const auto hanging = state_->hanging_now();
  if (hanging->empty()) return open_at(root, std::string(path), flags, kInside);

  // Some mount may hang: go component by component, never into one of those. `walked` is where we are, links resolved.
  std::vector<std::string> todo;  // next component last
  const auto push = [&](std::string_view more) {
    auto parts = split(more, '/');
    for (auto part = parts.rbegin(); part != parts.rend(); ++part)
      if (!part->empty() && *part != ".") todo.emplace_back(*part);
  };
  push(path);
  std::vector<std::string> walked;
  const auto joined = [&] {
    std::string text;
    for (const auto& part : walked) text += '/' + part;
    return text.empty() ? std::string("/") : text;
  };
  for (int links = 0; !todo.empty();) {
    const std::string part = std::move(todo.back());
    todo.pop_back();
    if (part == "..") {
      if (!walked.empty()) walked.pop_back();
      continue;
    }
    walked.push_back(part);
    const auto here = joined();
    if (hanging->contains(here)) return failure(std::string(path), kCrosses);
    if (todo.empty() && (flags & O_NOFOLLOW)) break;
    const auto handle = TRY(open_at(root, here, O_PATH | O_NOFOLLOW, kInside));
    std::array<char, 4096> target;
    const auto length = ::readlinkat(handle.get(), "", target.data(), target.size());
    if (length < 0) continue;  // not a link
    if (++links > kMaxLinks) return system_failure(ELOOP, std::string(path));
    const std::string_view points(target.data(), static_cast<std::size_t>(length));
    walked.pop_back();
    if (points.starts_with('/')) walked.clear();
    push(points);
  }
  if (real) *real = joined();
  return open_at(root, joined(), flags, kInside);
}

Result<UniqueFd> Root::open_path(std::string_view path, Links links) const {
  return resolve(path, O_PATH | (links == Links::keep ? O_NOFOLLOW : 0));
}

Result<UniqueFd> Root::open(std::string_view path) const {
  const auto handle = TRY(open_path(path));
  return open_handle(handle.get(), path);
}

Result<UniqueFd> Root::open_directory(std::string_view path) const {
  return resolve(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
}

Result<Content> Root::read(std::string_view path, std::size_t cap, const Interrupt& interrupt) const {
  const auto file = TRY(open(path));
  return read_all(file.get(), cap, path, interrupt);
}

Result<std::string> Root::read_trimmed(std::string_view path) const {
  auto content = TRY(read(path));
  content.bytes.resize(trim_right(content.bytes).size());
  return std::move(content.bytes);
}

Result<std::vector<DirectoryEntry>> Root::list(std::string_view path) const {
  const auto directory = TRY(open_directory(path));
  return list_directory(directory.get(), path);
}

Result<std::string> Root::read_link(std::string_view path) const {
  const auto handle = TRY(open_path(path, Links::keep));
  std::string target(256, '\0');
  for (;;) {
    const auto length = ::readlinkat(handle.get(), "", target.data(), target.size());
    if (length < 0) return system_failure(errno == ENOENT ? EINVAL : errno, std::string(path));
    if (static_cast<std::size_t>(length) < target.size()) {
      target.resize(static_cast<std::size_t>(length));
      return target;
    }
    target.resize(target.size() * 2);
  }
}

Result<struct statx> Root::stat(std::string_view path, Links links) const {
  const auto handle = TRY(open_path(path, links));
  return statx_at(handle.get(), "", AT_EMPTY_PATH, path);
}

bool Root::exists(std::string_view path) const { return open_path(path, Links::keep).has_value(); }

Result<std::string> Root::real_path(std::string_view path) const {
  const auto handle = TRY(open_path(path));
  auto real = TRY(descriptor_path(handle.get()));
  if (state_->host) return real;
  const auto root = TRY(descriptor_path(state_->directory.get()));
  if (root == "/" || !real.starts_with(root)) return real;
  return real.size() == root.size() ? "/" : real.substr(root.size());
}

Result<Root::Directory> Root::directory(std::string_view path) const {
  auto hanging = state_->hanging_now();
  std::string real;
  auto fd = TRY(resolve(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK, &real));
  if (hanging->empty()) hanging = nullptr;
  return Directory(std::move(fd), std::move(hanging), std::move(real));
}

bool Root::Directory::may_hang(const char* name) const {
  return hanging_ && hanging_->contains(path_ == "/" ? path_ + name : path_ + "/" + name);
}

Result<struct statx> Root::Directory::stat(const char* name) const {
  if (std::string_view(name) == "..") return failure(name, kClimbs);
  if (may_hang(name)) return failure(name, kCrosses);
  return statx_at(fd_.get(), name, AT_SYMLINK_NOFOLLOW, name);
}

Result<Root::Directory> Root::Directory::enter(const char* name) const {
  if (std::string_view(name) == "..") return failure(name, kClimbs);
  if (may_hang(name)) return failure(name, kCrosses);
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK;
  auto fd = open_at(fd_.get(), name, kFlags, RESOLVE_NO_XDEV);
  const bool crosses = !fd && fd.error().code == EXDEV;
  if (crosses) fd = open_at(fd_.get(), name, kFlags, 0);
  // What a link to a directory says with O_DIRECTORY and O_NOFOLLOW is ENOTDIR or ELOOP, by the kernel's version.
  if (!fd) return std::unexpected(std::move(fd).error());
  Directory child(*std::move(fd), hanging_, !hanging_ ? "" : path_ == "/" ? path_ + name : path_ + "/" + name);
  if (crosses && child.is_kernel_filesystem())
    return failure(name, "is a kernel filesystem, walked only where the pattern names it");
  return child;
}

bool Root::Directory::is_kernel_filesystem() const {
  struct statfs info;
  if (::fstatfs(fd_.get(), &info) != 0) return false;
  const auto type = static_cast<unsigned long>(info.f_type);
  return type == PROC_SUPER_MAGIC || type == SYSFS_MAGIC;
}

Result<UniqueFd> open_handle(int handle, std::string_view path) {
  struct stat info;
  if (::fstat(handle, &info) != 0) return system_failure(std::string(path));
  if (!S_ISREG(info.st_mode)) return failure(std::string(path), std::string("is ") + kind_of(info.st_mode));
  // Anonymous device numbers (major 0) are the kernel's own filesystems, among others.
  if (major(info.st_dev) == 0 && consumes(handle, path))
    return failure(std::string(path), "reading it would take data from its reader");
  const auto again = "/proc/self/fd/" + std::to_string(handle);
  constexpr int kFlags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
  UniqueFd file(::open(again.c_str(), kFlags | O_NOATIME));
  if (!file && errno == EPERM) file.reset(::open(again.c_str(), kFlags));  // not the owner: access times will change
  if (!file) return system_failure(std::string(path));
  return file;
}

Result<Content> read_all(int fd, std::size_t cap, std::string_view path, const Interrupt& interrupt) {
  Content content;
  struct stat info;
  // procfs and sysfs say 0 or 4096 whatever they hold, so a size is a hint and no more.
  std::size_t step = 4096;
  if (::fstat(fd, &info) == 0 && info.st_size > 4096)
    step = std::min(static_cast<std::size_t>(info.st_size) + 1, cap + 1);
  for (;;) {
    if (interrupt.requested()) return system_failure(ECANCELED, std::string(path));
    const auto used = content.bytes.size();
    content.bytes.resize(std::min(used + std::min<std::size_t>(step, 8 << 20), cap + 1));
    const auto count = ::read(fd, content.bytes.data() + used, content.bytes.size() - used);
    if (count < 0 && errno == EINTR) {
      content.bytes.resize(used);
      continue;
    }
    if (count < 0) return system_failure(std::string(path));
    content.bytes.resize(used + static_cast<std::size_t>(count));
    if (count == 0) return content;
    if (content.bytes.size() > cap) {
      content.bytes.resize(cap);
      content.truncated = true;
      return content;
    }
    step = std::max<std::size_t>(4096, content.bytes.size());
  }
}

Result<std::vector<DirectoryEntry>> list_directory(int fd, std::string_view path) {
  // linux_dirent64 of getdents64(2), which has no wrapper that works on a borrowed descriptor.
  std::vector<DirectoryEntry> entries;
  alignas(dirent64) std::array<char, 32768> buffer;
  for (;;) {
    const auto count = ::getdents64(fd, buffer.data(), buffer.size());
    if (count < 0) return system_failure(std::string(path));
    if (count == 0) break;
    for (ssize_t offset = 0; offset < count;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer.data() + offset);
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") entries.push_back({std::string(name), entry->d_type});
      offset += entry->d_reclen;
    }
  }
  std::ranges::sort(entries, {}, &DirectoryEntry::name);
  return entries;
}

}  // namespace osprey
