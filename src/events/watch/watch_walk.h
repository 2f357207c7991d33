// WatchWalk: goes through the directories that watch patterns lead to, a piece at a time.
#pragma once

#include <dirent.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "events/watch/watch_patterns.h"

namespace osprey::events {

// A directory without links on the way to it, open with `flags` besides O_DIRECTORY; -1 and errno where there is none.
int open_directory(int at, const std::string& path, int flags) noexcept;

// Depth first. Directories that cannot be opened are passed by. Memory: an open directory a level, at most kMostDepth.
class WatchWalk {
 public:
  static constexpr std::size_t kMostDepth = 128;

  struct Directory {
    std::string path;
    WatchPatterns::Place place;
    int fd = -1;  // O_PATH
  };
  struct Visitor {
    // A directory is come to, before its entries are read; false: it is not gone into.
    std::function<bool(const Directory&)> enter;
    // An entry that is there, with its DT_ type. Directories are gone into afterwards, if the patterns lead there.
    std::function<void(const Directory&, const char* name, unsigned char type)> entry;
  };

  WatchWalk(const WatchPatterns& patterns, Visitor visitor) : patterns_(patterns), visitor_(std::move(visitor)) {}

  // A directory to walk from.
  void add(std::string path) { paths_.push_back(std::move(path)); }
  // Goes on for about `most` entries. True: there is more.
  bool go(std::size_t most);

 private:
  struct Close {
    void operator()(DIR* directory) const noexcept { ::closedir(directory); }
  };
  struct Level {
    UniqueFd fd;
    Directory directory;
    std::unique_ptr<DIR, Close> entries;  // null: only `names` are looked for
    std::vector<std::string_view> names;  // views into the patterns
  };
  void push(UniqueFd fd, std::string path, WatchPatterns::Place place);
  void visit(const char* name, unsigned char type);

  const WatchPatterns& patterns_;
  Visitor visitor_;
  std::vector<std::string> paths_;
  std::vector<Level> levels_;
};

}  // namespace osprey::events
