#include "events/fanotify/fanotify_watches.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fanotify.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>

#include "events/watch/file_reporter.h"

namespace osprey::events {
namespace {

constexpr std::size_t kBuffer = 128 << 10;
constexpr int kHandleFid = 0x200;  // AT_HANDLE_FID of linux/fcntl.h (6.5): a handle that need not lead back

// What both tell of has the same bits.
static_assert(FAN_ACCESS == IN_ACCESS && FAN_MODIFY == IN_MODIFY && FAN_ATTRIB == IN_ATTRIB && FAN_OPEN == IN_OPEN);
static_assert(FAN_CLOSE_WRITE == IN_CLOSE_WRITE && FAN_CREATE == IN_CREATE && FAN_DELETE == IN_DELETE);
static_assert(FAN_ONDIR == IN_ISDIR);
constexpr std::uint32_t kSame = IN_ACCESS | IN_MODIFY | IN_ATTRIB | IN_OPEN | IN_CLOSE_WRITE | IN_CREATE | IN_DELETE;
constexpr std::uint32_t kMoves = IN_MOVED_FROM | IN_MOVED_TO;

using Path = std::array<char, 32>;
Path path_of(int fd) {
  Path path{};
  *fmt::format_to_n(path.data(), path.size() - 1, "/proc/self/fd/{}", fd).out = '\0';
  return path;
}

// As events have it; empty: this filesystem, or kernel, gives none.
std::string handle_of(int at, const char* name) {
  constexpr std::size_t kMost = sizeof(file_handle) + MAX_HANDLE_SZ;
  alignas(file_handle) std::array<char, kMost> bytes{};
  auto* handle = reinterpret_cast<file_handle*>(bytes.data());
  handle->handle_bytes = MAX_HANDLE_SZ;
  int mount = 0;
  struct statfs info{};
  if (::fstatfs(at, &info) != 0 || ::name_to_handle_at(at, name, handle, &mount, AT_EMPTY_PATH | kHandleFid) != 0)
    return {};
  std::string made(reinterpret_cast<const char*>(&info.f_fsid), sizeof info.f_fsid);
  return made.append(bytes.data(), sizeof(file_handle) + handle->handle_bytes);
}

}  // namespace

Result<void> FanotifyWatches::open() {
  auto group = TRY(fanotify_group(options_.unlimited_queue ? FAN_UNLIMITED_QUEUE : 0U, true));
  if (!group.names_targets) return failure("fanotify", "this kernel does not say which file it was (Linux 5.17 does)");
  group_ = std::move(group);
  buffer_ = std::make_unique_for_overwrite<char[]>(kBuffer);
  return {};
}

void FanotifyWatches::close() noexcept {
  events_.clear();
  handles_.clear();
  by_handle_.clear();
  named_.clear();
  named_full_ = false;
  buffer_.reset();
  group_.fd.reset();
}

int FanotifyWatches::add(int fd, std::uint32_t mask) {
  auto handle = handle_of(fd, "");
  if (handle.empty()) return -1;
  std::uint64_t marked = mask & kSame;
  if (mask & IN_ONLYDIR) {
    marked |= FAN_EVENT_ON_CHILD | FAN_ONDIR;
    if (mask & kMoves) marked |= FAN_RENAME;
  }
  if (::fanotify_mark(group_.fd.get(), FAN_MARK_ADD, marked, AT_FDCWD, path_of(fd).data()) != 0) return -1;
  named_.erase(handle);
  const auto [known, is_new] = by_handle_.try_emplace(std::move(handle), next_);
  if (is_new) handles_.emplace(next_++, &known->first);
  return known->second;
}

void FanotifyWatches::remove(int watch, const std::string& path) {
  const auto known = handles_.find(watch);
  if (known == handles_.end()) return;
  const UniqueFd there(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (there && handle_of(there.get(), "") == *known->second) {
    struct stat info{};
    const bool is_directory = ::fstat(there.get(), &info) == 0 && S_ISDIR(info.st_mode);
    const std::uint64_t all = kSame | (is_directory ? FAN_EVENT_ON_CHILD | FAN_ONDIR | FAN_RENAME : 0);
    ::fanotify_mark(group_.fd.get(), FAN_MARK_REMOVE, all, AT_FDCWD, path_of(there.get()).data());
  }
  by_handle_.erase(by_handle_.find(*known->second));
  handles_.erase(known);
  named_full_ = false;
}

void FanotifyWatches::name(FileHandle handle, int watch, std::string_view name) {
  std::string key(handle);
  if (by_handle_.contains(key)) return;
  if (named_.size() >= kMostNamed && !named_full_) {
    std::erase_if(named_, [this](const auto& one) { return !handles_.contains(one.second.first); });
    named_full_ = named_.size() >= kMostNamed;
  }
  if (named_full_ && !named_.contains(key)) return;
  named_.insert_or_assign(std::move(key), std::pair(watch, std::string(name)));
}

void FanotifyWatches::saw(int watch, int parent, const char* name_) {
  const UniqueFd directory(::openat(parent, name_, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!directory) return;
  if (const auto handle = handle_of(directory.get(), ""); !handle.empty()) name(handle, watch, name_);
}

int FanotifyWatches::watch_of(FileHandle handle) const {
  const auto known = by_handle_.find(std::string(handle));
  return known == by_handle_.end() ? -1 : known->second;
}

void FanotifyWatches::tell(int watch, std::string_view name, std::uint64_t mask, const ProcessKey& process) {
  // In the order in which the kernel can have joined them.
  constexpr std::array<std::uint32_t, 6> kSteps = {IN_CREATE, IN_OPEN,  IN_ACCESS, IN_MODIFY | IN_CLOSE_WRITE,
                                                   IN_ATTRIB, IN_DELETE};
  const auto bits = static_cast<std::uint32_t>(mask) & kSame;
  for (const auto step : kSteps)
    if (const auto part = bits & step; part != 0)
      events_.push_back(
          {watch, part | (static_cast<std::uint32_t>(mask) & IN_ISDIR), 0, name, process, std::popcount(bits) > 1});
}

void FanotifyWatches::take_rename(const FanotifyEvent& event, const ProcessKey& process) {
  const auto is_directory = static_cast<std::uint32_t>(event.mask) & IN_ISDIR;
  ++cookie_;
  // Only that side is told which is watched.
  if (event.from)
    events_.push_back(
        {watch_of(event.from->directory), IN_MOVED_FROM | is_directory, cookie_, event.from->name, process, false});
  if (!event.to) return;
  const int watch = watch_of(event.to->directory);
  events_.push_back({watch, IN_MOVED_TO | is_directory, cookie_, event.to->name, process, false});
  if (is_directory != 0 && watch >= 0 && !event.object.empty()) name(event.object, watch, event.to->name);
}

void FanotifyWatches::take(const FanotifyEvent& event, const ProcessKey& process) {
  if (event.mask & FAN_Q_OVERFLOW) {
    events_.push_back({.mask = IN_Q_OVERFLOW});
    return;
  }
  if (event.from || event.to) return take_rename(event, process);
  const bool of_directory = (event.mask & FAN_ONDIR) != 0;
  // A file that is watched itself, wherever it is.
  const int object = of_directory || event.object.empty() ? -1 : watch_of(event.object);
  if (object >= 0) tell(object, {}, event.mask & ~std::uint64_t{FAN_CREATE | FAN_DELETE}, process);
  if (!event.entry) return;
  const auto& entry = *event.entry;
  const int watch = watch_of(entry.directory);
  if (watch < 0 && entry.name.empty())
    if (const auto known = named_.find(std::string(entry.directory)); known != named_.end())
      return tell(known->second.first, known->second.second, event.mask, process);
  if (watch < 0 && object >= 0) return;
  tell(watch, entry.name, event.mask, process);
  if (of_directory && watch >= 0 && (event.mask & FAN_CREATE) != 0 && !event.object.empty())
    name(event.object, watch, entry.name);
}

Result<std::uint32_t> FanotifyWatches::let_go_of_too_many() {
  int bytes = 0;
  if (::ioctl(group_.fd.get(), FIONREAD, &bytes) != 0) return 0;
  if (static_cast<std::size_t>(bytes) / FAN_EVENT_METADATA_LEN <= options_.most_queued) return 0;
  std::uint32_t gone = 0;
  while (gone <= 4 * options_.most_queued) {
    const auto size = ::read(group_.fd.get(), buffer_.get(), kBuffer);
    if (size <= 0) break;
    for (std::string_view rest(buffer_.get(), static_cast<std::size_t>(size)); !rest.empty(); ++gone) {
      const auto event = TRY(take_fanotify_event(rest));
      const UniqueFd pidfd(event.pidfd);
    }
  }
  return gone;
}

Result<std::span<const DirectoryEvent>> FanotifyWatches::read() {
  events_.clear();
  processes_.clear();
  if (const auto gone = TRY(let_go_of_too_many()); gone > 0) {
    events_.push_back({.mask = IN_Q_OVERFLOW, .cookie = gone});
    return events_;
  }
  // What nobody is told of is no end.
  while (events_.empty()) {
    const auto size = ::read(group_.fd.get(), buffer_.get(), kBuffer);
    if (size < 0 && errno != EAGAIN && errno != EINTR) return system_failure("fanotify");
    if (size <= 0) break;
    for (std::string_view rest(buffer_.get(), static_cast<std::size_t>(size)); !rest.empty();) {
      const auto event = TRY(take_fanotify_event(rest));
      const UniqueFd pidfd(event.pidfd);
      if (event.pid == options_.own_pid && (event.mask & FAN_Q_OVERFLOW) == 0) continue;
      ProcessKey process{event.pid, 0};
      if (pidfd) {
        // The process was there when its descriptor was made, so nobody else has its pid yet.
        auto& known = processes_.try_emplace(event.pid).first->second;
        if (known.pid == 0) known = process_now(event.pid);
        process = known;
      }
      take(event, process);
    }
  }
  return events_;
}

}  // namespace osprey::events
