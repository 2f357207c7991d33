// FileReporter: makes rows of what a source of file events found, one a category, and counts what became of it.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "events/source.h"
#include "events/watch/watch_patterns.h"
#include "events/watch/watch_walk.h"

namespace osprey::events {

// "/a", "b" → "/a/b". An empty name: the directory itself.
std::string entry_path(std::string_view directory, std::string_view name);

// What statx(2) says of a directory's entry; links are not followed. All empty: it is not there. An empty name: of the
// directory open at `directory` itself.
FileState file_state(int directory, const char* name) noexcept;

// Of a process, as far as /proc says; a start of 0: it is gone, or another is there by now.
ProcessKey process_now(std::int64_t pid) noexcept;

// counts() may be asked by any thread; the rest belongs to one.
class FileReporter {
 public:
  explicit FileReporter(Origin origin) : origin_(origin) {}

  void watch(std::vector<WatchedCategory> watched) { watched_ = std::move(watched); }

  // Whether anybody wants to know of it: opens and reads are of some categories only. What is not wanted is counted.
  bool wanted(FileAction action, WatchPatterns::Categories& categories);
  // A row for each of the categories. Fills in what is the same for all; `event` is as it was afterwards.
  void tell(EventSink& sink, FileEvent& event, const WatchPatterns::Categories& categories);
  // Tells of a directory's entry if it changed since then (CLOCK_REALTIME, nanoseconds): what happened to it is not
  // known.
  void tell_changed(EventSink& sink, const WatchPatterns& patterns, const WatchWalk::Directory& directory,
                    const char* name, std::int64_t since);
  // The same by its path.
  void tell_changed(EventSink& sink, const WatchPatterns& patterns, const std::string& path, std::int64_t since);
  // A row for every category: something was lost.
  void tell_gap(EventSink& sink);

  void filtered(std::uint64_t count = 1) noexcept { filtered_.fetch_add(count, std::memory_order_relaxed); }
  void dropped(std::string_view stage, std::string_view reason, std::uint64_t count, bool exact);
  // As it is now, not what has come together: directories that are not watched and the like.
  void lacking(std::string_view stage, std::string_view reason, std::uint64_t count);
  std::uint64_t kept() const noexcept { return kept_.load(std::memory_order_relaxed); }
  SourceCounts counts() const;

 private:
  const Origin origin_;
  std::vector<WatchedCategory> watched_;
  std::atomic<std::uint64_t> kept_{0};
  std::atomic<std::uint64_t> filtered_{0};
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::pair<std::uint64_t, bool>> dropped_;
};

}  // namespace osprey::events
