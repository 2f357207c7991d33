#include "linux/files/set_id.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

namespace osprey::linux {

bool SetIdFile::set_user() const noexcept { return (mode & S_ISUID) != 0; }
bool SetIdFile::set_group() const noexcept { return (mode & S_ISGID) != 0; }

SetIdWalk::SetIdWalk(Root root, std::string directory) : root_(std::move(root)), start_(std::move(directory)) {}

Result<void> SetIdWalk::enter(std::string path) {
  Level level;
  level.directory = TRY(root_.open_directory(path));
  struct stat info;
  if (::fstat(level.directory.get(), &info) != 0) return system_failure(std::move(path));
  if (levels_.empty()) device_ = info.st_dev;
  if (info.st_dev != device_) return {};
  level.entries = TRY(list_directory(level.directory.get(), path));
  level.path = std::move(path);
  if (!level.path.ends_with('/')) level.path += '/';
  levels_.push_back(std::move(level));
  return {};
}

Result<std::optional<SetIdFile>> SetIdWalk::next(const Interrupt& interrupt) {
  if (start_) TRY(enter(std::move(*std::exchange(start_, std::nullopt))));
  while (!levels_.empty()) {
    if (interrupt.requested()) return std::nullopt;
    auto& level = levels_.back();
    if (level.position == level.entries.size()) {
      levels_.pop_back();
      continue;
    }
    const auto& entry = level.entries[level.position++];
    if (auto found = TRY(look_at(level, entry))) return found;
  }
  return std::nullopt;
}

// May descend, which leaves `level` and `entry` dangling.
Result<std::optional<SetIdFile>> SetIdWalk::look_at(const Level& level, const DirectoryEntry& entry) {
  if (entry.type != DT_REG && entry.type != DT_DIR && entry.type != DT_LNK && entry.type != DT_UNKNOWN)
    return std::nullopt;
  std::string path = level.path + entry.name;
  struct stat info;
  constexpr int kFlags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
  if (::fstatat(level.directory.get(), entry.name.c_str(), &info, kFlags) != 0) {
    if (errno == ENOENT) return std::nullopt;
    return system_failure(std::move(path));
  }
  if (S_ISDIR(info.st_mode)) {
    if (levels_.size() == kMaxDepth) return failure(std::move(path), "too deep to be looked into");
    if (info.st_dev == device_) TRY(enter(std::move(path)));
    return std::nullopt;
  }
  SetIdFile file{std::move(path), info.st_uid, info.st_gid, info.st_mode};
  if (S_ISLNK(info.st_mode)) {
    const auto target = root_.stat(file.path);
    if (!target) return std::nullopt;  // dangling, or out of reach
    file.uid = target->stx_uid;
    file.gid = target->stx_gid;
    file.mode = target->stx_mode;
  }
  if (!S_ISREG(file.mode) || (!file.set_user() && !file.set_group())) return std::nullopt;
  return file;
}

}  // namespace osprey::linux
