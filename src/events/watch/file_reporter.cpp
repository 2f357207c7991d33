#include "events/watch/file_reporter.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/clock_reading.h"
#include "base/unique_fd.h"
#include "events/kinds/file_state.h"
#include "linux/procfs/process_stat.h"

namespace osprey::events {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

std::int64_t nanoseconds(const statx_timestamp& time) noexcept {
  return time.tv_sec * static_cast<std::int64_t>(kSecond) + static_cast<std::int64_t>(time.tv_nsec);
}

}  // namespace

std::string entry_path(std::string_view directory, std::string_view name) {
  std::string path(directory);
  if (name.empty()) return path;
  if (!path.ends_with('/')) path += '/';
  path += name;
  return path;
}

FileState file_state(int directory, const char* name) noexcept {
  struct statx info{};
  const int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH;
  if (::statx(directory, name, flags, STATX_BASIC_STATS, &info) != 0) return {};
  return file_state_of(info);
}

ProcessKey process_now(std::int64_t pid) noexcept {
  static const auto tick = kSecond / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  ProcessKey process{pid, 0};
  std::array<char, 32> path{};
  *fmt::format_to_n(path.data(), path.size() - 1, "/proc/{}/stat", pid).out = '\0';
  const UniqueFd file(::open(path.data(), O_RDONLY | O_CLOEXEC));
  if (!file) return process;
  std::array<char, 1024> text{};
  const auto size = ::read(file.get(), text.data(), text.size());
  if (size <= 0) return process;
  const auto stat = linux::parse_process_stat({text.data(), static_cast<std::size_t>(size)});
  if (stat) process.start = stat->start_ticks * tick;
  return process;
}

bool FileReporter::wanted(FileAction action, WatchPatterns::Categories& categories) {
  if (action == FileAction::opened || action == FileAction::accessed)
    std::erase_if(categories, [this](std::uint32_t category) { return !watched_[category].accesses; });
  if (categories.empty()) filtered();
  return !categories.empty();
}

void FileReporter::tell(EventSink& sink, FileEvent& event, const WatchPatterns::Categories& categories) {
  event.header.origin = origin_;
  if (event.header.moment == 0) event.header.moment = boot_nanoseconds();
  const FileEvent before = event;
  for (const auto category : categories) {
    event.category = watched_[category].name;
    const bool is_content = event.action == FileAction::created || event.action == FileAction::updated;
    const bool hashes = watched_[category].digests && !watched_[category].accesses;
    event.to_hash = hashes && is_content && event.file.mode && S_ISREG(*event.file.mode);
    kept_.fetch_add(1, std::memory_order_relaxed);
    sink.take(&event);
    event = before;
  }
}

void FileReporter::tell_changed(EventSink& sink, const WatchPatterns& patterns, const WatchWalk::Directory& directory,
                                const char* name, std::int64_t since) {
  WatchPatterns::Categories categories;
  patterns.match(directory.place, name, categories);
  if (categories.empty()) return;
  struct statx info{};
  const int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
  if (::statx(directory.fd, name, flags, STATX_BASIC_STATS | STATX_BTIME, &info) != 0) return;
  if (nanoseconds(info.stx_ctime) < since) return;
  const bool is_new = (info.stx_mask & STATX_BTIME) != 0 && nanoseconds(info.stx_btime) >= since;
  FileEvent event;
  event.action = is_new ? FileAction::created : FileAction::updated;
  event.coalesced = true;
  const auto path = entry_path(directory.path, name);
  event.path = path;
  event.file = file_state(directory.fd, name);
  tell(sink, event, categories);
}

void FileReporter::tell_changed(EventSink& sink, const WatchPatterns& patterns, const std::string& path,
                                std::int64_t since) {
  const auto slash = path.rfind('/');
  WatchWalk::Directory directory{path.substr(0, std::max<std::size_t>(slash, 1)), {}, -1};
  const UniqueFd fd(open_directory(AT_FDCWD, directory.path, O_PATH));
  if (!fd) return;
  directory.place = patterns.at(std::string_view(path).substr(0, slash));
  directory.fd = fd.get();
  tell_changed(sink, patterns, directory, path.c_str() + slash + 1, since);
}

void FileReporter::tell_gap(EventSink& sink) {
  for (std::uint32_t category = 0; category < watched_.size(); ++category) {
    FileEvent event;
    event.action = FileAction::gap;
    tell(sink, event, {category});
  }
}

void FileReporter::dropped(std::string_view stage, std::string_view reason, std::uint64_t count, bool exact) {
  const std::lock_guard lock(mutex_);
  auto& drop = dropped_.try_emplace({std::string(stage), std::string(reason)}, 0, true).first->second;
  drop.first += count;
  drop.second = drop.second && exact;
}

void FileReporter::lacking(std::string_view stage, std::string_view reason, std::uint64_t count) {
  const std::lock_guard lock(mutex_);
  dropped_[{std::string(stage), std::string(reason)}] = {count, true};
}

SourceCounts FileReporter::counts() const {
  SourceCounts counts;
  counts.kept = kept();
  counts.filtered = filtered_.load(std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  for (const auto& [where, drop] : dropped_)
    counts.dropped.push_back({where.first, where.second, drop.first, drop.second});
  return counts;
}

}  // namespace osprey::events
