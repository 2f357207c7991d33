#include "agent/config/file_watch.h"

#include <limits.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <deque>
#include <filesystem>

#include "base/text.h"

namespace osprey::agent {
namespace {

// Not IN_MODIFY: what is half written is not looked at until its writer closes it. IN_ATTRIB: a mode that kept us from
// reading may have been mended.
constexpr std::uint32_t kEvents =
    IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;
// As the kernel follows.
constexpr int kMostLinks = 40;
// inotify watches are few on a host and others need them too.
constexpr std::size_t kMostWatches = 4096;

}  // namespace

FileWatch::FileWatch() : inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {}

FileWatch::Watch* FileWatch::add(const std::string& path, Watches& watches) const {
  if (watches.size() >= kMostWatches) return nullptr;
  const int id = ::inotify_add_watch(inotify_.get(), path.c_str(), kEvents);
  return id < 0 ? nullptr : &watches[id];
}

// Walks to `path` a component at a time, as the kernel does.
void FileWatch::follow(const std::string& path, Watches& watches) const {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(path, error);
  std::deque<std::string> left;
  for (const auto& part : absolute.relative_path()) left.push_back(part);
  std::filesystem::path folder = "/";
  for (int links = 0; !left.empty();) {
    const auto name = std::move(left.front());
    left.pop_front();
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      folder = folder.parent_path();
      continue;
    }
    const auto here = folder / name;
    struct stat about{};
    const bool there = ::lstat(here.c_str(), &about) == 0;
    const bool is_link = there && S_ISLNK(about.st_mode);
    if (is_link || !there || left.empty())
      if (auto* watch = add(folder, watches)) watch->names.insert(name);
    if (!there) return;  // what lies deeper comes later than this
    if (!is_link) {
      folder = here;
      continue;
    }
    if (++links > kMostLinks) return;
    const auto target = std::filesystem::read_symlink(here, error);
    if (error) return;
    std::deque<std::string> spliced;
    for (const auto& part : target.relative_path()) spliced.push_back(part);
    left.insert(left.begin(), spliced.begin(), spliced.end());
    if (target.is_absolute()) folder = "/";
  }
  if (auto* watch = add(folder, watches)) watch->all = true;  // now the file or folder itself
}

bool FileWatch::set(const ConfigPlugin::Watched& watched) {
  if (!inotify_) return false;
  Watches watches;
  for (const auto& file : watched.files) follow(file, watches);
  for (const auto& folder : watched.folders) follow(folder, watches);
  for (const auto& [id, watch] : watches_)
    if (!watches.contains(id)) ::inotify_rm_watch(inotify_.get(), id);
  const bool changed = watches != watches_;
  watches_ = std::move(watches);
  return changed;
}

bool FileWatch::drain() {
  bool concerns = false;
  alignas(inotify_event) std::array<char, 16 * (sizeof(inotify_event) + NAME_MAX + 1)> buffer;
  for (;;) {
    const auto length = ::read(inotify_.get(), buffer.data(), buffer.size());
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) return concerns;
    for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(length);) {
      inotify_event event;
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const char* name = buffer.data() + at + sizeof event;
      at += sizeof event + event.len;
      if ((event.mask & IN_Q_OVERFLOW) != 0) concerns = true;
      if ((event.mask & IN_IGNORED) != 0) continue;  // we took the watch off, or what it was on has gone, told before
      const auto watch = watches_.find(event.wd);
      if (watch == watches_.end()) continue;
      const bool itself = event.len == 0;
      concerns = concerns || itself || watch->second.all || watch->second.names.contains(std::string_view(name));
    }
  }
}

}  // namespace osprey::agent
