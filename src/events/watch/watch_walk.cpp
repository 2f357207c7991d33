#include "events/watch/watch_walk.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace osprey::events {

int open_directory(int at, const std::string& path, int flags) noexcept {
  open_how how{};
  how.flags = static_cast<__u64>(flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  how.resolve = RESOLVE_NO_SYMLINKS;
  const auto fd = ::syscall(SYS_openat2, at, path.c_str(), &how, sizeof how);
  if (fd >= 0 || errno != ENOSYS) return static_cast<int>(fd);
  return ::openat(at, path.c_str(), flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);  // before Linux 5.6
}

void WatchWalk::push(UniqueFd fd, std::string path, WatchPatterns::Place place) {
  if (!fd || place.dead() || levels_.size() >= kMostDepth) return;
  Level level;
  level.directory = {std::move(path), std::move(place), fd.get()};
  level.fd = std::move(fd);
  if (!visitor_.enter(level.directory)) return;
  if (auto names = patterns_.only_names(level.directory.place)) {
    level.names = std::move(*names);
  } else {
    UniqueFd readable(open_directory(level.fd.get(), ".", O_RDONLY | O_NONBLOCK));
    if (!readable) return;
    level.entries.reset(::fdopendir(readable.get()));
    if (!level.entries) return;
    readable.release();
  }
  levels_.push_back(std::move(level));
}

void WatchWalk::visit(const char* name, unsigned char type) {
  auto& level = levels_.back();
  if (type == DT_UNKNOWN) {
    struct stat info{};
    if (::fstatat(level.fd.get(), name, &info, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0) return;
    type = IFTODT(info.st_mode);
  }
  if (visitor_.entry) visitor_.entry(level.directory, name, type);
  if (type != DT_DIR) return;
  auto place = patterns_.enter(level.directory.place, name);
  if (place.dead()) return;
  std::string path = level.directory.path;
  if (!path.ends_with('/')) path += '/';
  path += name;
  push(UniqueFd(open_directory(level.fd.get(), name, O_PATH)), std::move(path), std::move(place));
}

bool WatchWalk::go(std::size_t most) {
  for (std::size_t i = 0; i < most;) {
    if (levels_.empty()) {
      if (paths_.empty()) return false;
      auto path = std::move(paths_.back());
      paths_.pop_back();
      auto place = patterns_.at(path);
      UniqueFd fd(open_directory(AT_FDCWD, path, O_PATH));
      push(std::move(fd), std::move(path), std::move(place));
      ++i;
      continue;
    }
    auto& level = levels_.back();
    if (!level.entries) {
      if (level.names.empty()) {
        levels_.pop_back();
        continue;
      }
      const std::string name(level.names.back());
      level.names.pop_back();
      ++i;
      visit(name.c_str(), DT_UNKNOWN);
      continue;
    }
    const auto* entry = ::readdir(level.entries.get());
    if (entry == nullptr) {
      levels_.pop_back();
      continue;
    }
    if (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0) continue;
    ++i;
    const std::string name(entry->d_name);
    visit(name.c_str(), entry->d_type);
  }
  return true;
}

}  // namespace osprey::events
