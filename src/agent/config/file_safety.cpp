#include "agent/config/file_safety.h"

#include <fmt/format.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

namespace osprey::agent {
namespace {

// The owner may be root or ourselves; the group may write if it is root's or, for an ordinary user, his own.
bool is_trusted_owner(uid_t owner) { return owner == 0 || owner == ::geteuid(); }
bool is_trusted_group(gid_t group) { return group == 0 || (::geteuid() != 0 && group == ::getegid()); }

Result<void> check(const struct stat& about, const std::string& subject, const std::string& path) {
  if (!is_trusted_owner(about.st_uid))
    return failure(subject, fmt::format("{} belongs to user {}, who can change it: run chown {} {}, or start with "
                                        "--allow_unsafe",
                                        path, about.st_uid, ::geteuid(), path));
  const bool by_group = (about.st_mode & S_IWGRP) != 0 && !is_trusted_group(about.st_gid);
  const bool by_others = (about.st_mode & S_IWOTH) != 0;
  if (!by_group && !by_others) return {};
  return failure(subject,
                 fmt::format("{} has mode {:04o}, so that others can change it: run chmod {} {}, or start with "
                             "--allow_unsafe",
                             path, about.st_mode & 07777,
                             by_group && by_others ? "go-w"
                             : by_group            ? "g-w"
                                                   : "o-w",
                             path));
}

}  // namespace

Result<void> check_unwritable_by_others(int fd, const std::string& path) {
  struct stat about{};
  if (::fstat(fd, &about) != 0) return system_failure(path);
  TRY(check(about, path, path));
  // Where it really is, links resolved.
  std::array<char, PATH_MAX> buffer{};
  const auto length = ::readlink(fmt::format("/proc/self/fd/{}", fd).c_str(), buffer.data(), buffer.size());
  if (length <= 0) return system_failure(path);
  std::string folder(buffer.data(), static_cast<std::size_t>(length));
  while (folder.size() > 1) {
    folder.resize(std::max<std::size_t>(folder.rfind('/'), 1));
    if (::lstat(folder.c_str(), &about) != 0) return system_failure(folder);
    // In a sticky folder others cannot replace what is not theirs.
    if ((about.st_mode & S_ISVTX) != 0 && is_trusted_owner(about.st_uid)) continue;
    TRY(check(about, path, folder));
  }
  return {};
}

}  // namespace osprey::agent
