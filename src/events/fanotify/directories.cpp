#include "events/fanotify/directories.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>
#include <utility>

#include "events/watch/file_reporter.h"
#include "events/watch/mount_watch.h"
#include "events/watch/watch_walk.h"

namespace osprey::events {
namespace {

// "/a/b" below "/a" → "/b"; the same → "".
std::string_view below(std::string_view path, std::string_view directory) noexcept {
  return directory == "/" ? (path == "/" ? std::string_view() : path) : path.substr(directory.size());
}

std::string joined(std::string_view directory, std::string_view rest) {
  if (rest.empty()) return std::string(directory);
  return (directory == "/" ? std::string() : std::string(directory)).append(rest);
}

std::optional<std::string> read_link(int fd) {
  std::array<char, 32> link{};
  *fmt::format_to_n(link.data(), link.size() - 1, "/proc/self/fd/{}", fd).out = '\0';
  std::array<char, PATH_MAX> path{};
  const auto size = ::readlink(link.data(), path.data(), path.size());
  if (size <= 0 || static_cast<std::size_t>(size) == path.size()) return std::nullopt;
  return std::string(path.data(), static_cast<std::size_t>(size));
}

bool same_file(int left, int right) noexcept {
  struct stat one{};
  struct stat other{};
  return ::fstat(left, &one) == 0 && ::fstat(right, &other) == 0 && one.st_ino == other.st_ino;
}

}  // namespace

std::string Directories::index_key(std::uint64_t filesystem, std::string_view inner) {
  return fmt::format("{:016x}{}", filesystem, inner == "/" ? std::string_view() : inner);
}

const MarkedFilesystem* Directories::filesystem(std::uint64_t id) const noexcept {
  const auto found = std::ranges::find(filesystems_, id, &MarkedFilesystem::id);
  return found == filesystems_.end() ? nullptr : &*found;
}

void Directories::set_filesystems(std::vector<MarkedFilesystem> filesystems) {
  filesystems_ = std::move(filesystems);
  for (auto it = order_.begin(); it != order_.end();) {
    const auto current = it++;
    if (filesystem(filesystem_of(current->handle)) == nullptr) forget(current);
  }
  look_anew();
}

void Directories::look_anew() {
  for (auto& directory : order_) look(directory);
}

void Directories::clear() {
  by_path_.clear();
  by_handle_.clear();
  open_.clear();
  order_.clear();
}

void Directories::look(Directory& directory) const {
  directory.sights.clear();
  const auto* marked = filesystem(filesystem_of(directory.handle));
  if (marked == nullptr) return;
  for (const auto& view : marked->views) {
    if (!lies_below(directory.inner, view.root)) continue;
    Sight sight{joined(view.point, below(directory.inner, view.root)), view.mount, {}, {}};
    const auto slash = sight.path.rfind('/');
    const auto parent = patterns_->at(std::string_view(sight.path).substr(0, slash));
    if (parent.dead()) continue;
    const auto name = std::string_view(sight.path).substr(slash + 1);
    sight.place = name.empty() ? parent : patterns_->enter(parent, name);
    if (!name.empty()) patterns_->match(parent, name, sight.self);
    if (!sight.place.dead() || !sight.self.empty()) directory.sights.push_back(std::move(sight));
  }
}

Directories::Directory* Directories::known(FileHandle handle) {
  const auto found = by_handle_.find(handle);
  if (found == by_handle_.end()) return nullptr;
  if (found->second != order_.begin()) order_.splice(order_.begin(), order_, found->second);
  return &*found->second;
}

UniqueFd Directories::open_handle(FileHandle handle, int flags) const {
  const auto* marked = filesystem(filesystem_of(handle));
  // Its bytes need the alignment of the struct.
  constexpr std::size_t kMostBytes = sizeof(file_handle) + MAX_HANDLE_SZ;
  alignas(file_handle) std::array<char, kMostBytes> bytes{};
  const auto raw = handle.substr(std::min<std::size_t>(handle.size(), 8));
  if (marked == nullptr || raw.size() > bytes.size()) return UniqueFd();
  std::memcpy(bytes.data(), raw.data(), raw.size());
  return UniqueFd(::open_by_handle_at(marked->top.get(), reinterpret_cast<file_handle*>(bytes.data()),
                                      flags | O_DIRECTORY | O_CLOEXEC));
}

std::optional<std::string> Directories::ask(FileHandle handle) const {
  const auto fd = open_handle(handle, O_PATH);
  if (!fd) return std::nullopt;
  // From a mount that is nowhere attached the path is that in the mount.
  auto path = read_link(fd.get());
  if (!path) return std::nullopt;
  constexpr std::string_view kDeleted = " (deleted)";
  if (path->ends_with(kDeleted)) {
    struct stat info{};
    if (::fstat(fd.get(), &info) != 0 || info.st_nlink == 0) path->resize(path->size() - kDeleted.size());
  }
  const auto* marked = filesystem(filesystem_of(handle));
  if (marked->root == "/") return path;
  // What lies beyond the mount is told by its path in the filesystem.
  const UniqueFd there(open_directory(marked->top.get(), "." + *path, O_PATH));
  return there && same_file(there.get(), fd.get()) ? joined(marked->root, *path == "/" ? "" : *path) : *path;
}

void Directories::leave_path(Order::iterator directory) {
  const auto [first, last] = by_path_.equal_range(index_key(filesystem_of(directory->handle), directory->inner));
  for (auto it = first; it != last; ++it)
    if (it->second == directory) {
      by_path_.erase(it);
      return;
    }
}

std::optional<Directories::Parent> Directories::ask_parent(FileHandle handle) const {
  const auto fd = open_handle(handle, O_PATH);
  if (!fd) return std::nullopt;
  constexpr std::size_t kMostBytes = sizeof(file_handle) + MAX_HANDLE_SZ;
  alignas(file_handle) std::array<char, kMostBytes> bytes{};
  auto* raw = reinterpret_cast<file_handle*>(bytes.data());
  raw->handle_bytes = MAX_HANDLE_SZ;
  int mount = 0;
  if (::name_to_handle_at(fd.get(), "..", raw, &mount, 0) != 0) return std::nullopt;
  Parent parent;
  parent.handle = std::string(handle.substr(0, 8)).append(bytes.data(), sizeof(file_handle) + raw->handle_bytes);
  const auto path = read_link(fd.get());
  struct stat info{};
  if (!path || parent.handle == handle || ::fstat(fd.get(), &info) != 0 || info.st_nlink == 0) return std::nullopt;
  parent.name = path->substr(path->rfind('/') + 1);
  return parent;
}

void Directories::forget(Order::iterator directory) {
  if (directory->ignored && on_forget) on_forget(*directory);
  leave_path(directory);
  by_handle_.erase(directory->handle);
  order_.erase(directory);
}

Directories::Directory& Directories::remember(FileHandle handle, std::string inner) {
  if (const auto found = by_handle_.find(handle); found != by_handle_.end()) {
    const auto filesystem = filesystem_of(handle);
    if (found->second->inner != inner) {
      leave_path(found->second);
      found->second->inner = std::move(inner);
      by_path_.emplace(index_key(filesystem, found->second->inner), found->second);
      look(*found->second);
    }
    return *found->second;
  }
  while (order_.size() >= kMost) forget(std::prev(order_.end()));
  auto& made = order_.emplace_front();
  made.handle = handle;
  made.inner = std::move(inner);
  look(made);
  by_handle_.emplace(made.handle, order_.begin());
  by_path_.emplace(index_key(filesystem_of(handle), made.inner), order_.begin());
  return made;
}

void Directories::renamed(std::uint64_t filesystem, const std::string& from, const std::string& to,
                          const Changed& changed) {
  const auto key = index_key(filesystem, from);
  std::vector<Order::iterator> moved;
  for (auto it = by_path_.lower_bound(key); it != by_path_.end() && it->first.starts_with(key);) {
    if (it->first.size() != key.size() && it->first[key.size()] != '/') {
      ++it;
      continue;
    }
    moved.push_back(it->second);
    it = by_path_.erase(it);
  }
  for (const auto directory : moved) {
    directory->inner = joined(to, below(directory->inner, from));
    by_path_.emplace(index_key(filesystem, directory->inner), directory);
    look(*directory);
    changed(*directory);
  }
}

int Directories::open(Directory& directory) {
  if (directory.fd) return directory.fd.get();
  directory.fd = open_handle(directory.handle, O_PATH);
  if (!directory.fd) return -1;
  open_.push_back(directory.handle);
  if (open_.size() > kMostOpen) {
    const auto found = by_handle_.find(open_.front());
    if (found != by_handle_.end() && &*found->second != &directory) found->second->fd.reset();
    open_.pop_front();
  }
  return directory.fd.get();
}

}  // namespace osprey::events
