// Directories: where the directory of a file handle is, and whether what happens in it is of interest.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mountinfo.h"
#include "base/unique_fd.h"
#include "events/fanotify/fanotify_events.h"
#include "events/watch/watch_patterns.h"

namespace osprey::events {

// A filesystem that is marked, by a private copy of one of its mounts: it keeps no one from unmounting.
struct MarkedFilesystem {
  std::uint64_t id = 0;  // as in handles
  UniqueFd top;          // of the copy: a directory, open for reading
  std::string root;      // which directory of the filesystem that is
  struct View {
    std::int64_t mount = 0;
    std::string root;   // the directory of the filesystem that is seen
    std::string point;  // there
  };
  std::vector<View> views;  // every mount of it that can be reached
};

// Bounded: the least recently used go. A directory's place in its filesystem is followed while it is renamed, so
// renamed() and created() are to be told in the order of the events.
class Directories {
 public:
  // A way by which a directory is seen that watch patterns lead to.
  struct Sight {
    std::string path;
    std::int64_t mount = 0;
    WatchPatterns::Place place;
    WatchPatterns::Categories self;  // of the directory itself
  };
  struct Directory {
    std::string handle;
    std::string inner;          // path in its filesystem, "/" being its root
    std::vector<Sight> sights;  // empty: nothing in it is of interest
    UniqueFd fd;                // O_PATH, while it was used lately
    std::uint32_t hits = 0;     // events in it since it was last asked whether there are too many
    bool ignored = false;       // the kernel tells nothing of files in it
  };
  static constexpr std::size_t kMost = 8192;
  static constexpr std::size_t kMostOpen = 128;

  void watch(const WatchPatterns& patterns) { patterns_ = &patterns; }
  // What is kept of filesystems that are not there any more is let go; the rest is looked at anew.
  void set_filesystems(std::vector<MarkedFilesystem> filesystems);
  std::vector<MarkedFilesystem>& filesystems() noexcept { return filesystems_; }
  const MarkedFilesystem* filesystem(std::uint64_t id) const noexcept;
  // After a change of patterns.
  void look_anew();
  void clear();

  // What is known; null: nothing.
  Directory* known(FileHandle handle);
  // Where it is now, by the kernel; empty: it is gone, or on no filesystem that is marked.
  std::optional<std::string> ask(FileHandle handle) const;
  Directory& remember(FileHandle handle, std::string inner);
  // Its parent's handle and its name in it, by the kernel; empty: it is gone, or is the top of its filesystem or of
  // what is mounted of that.
  struct Parent {
    std::string handle;
    std::string name;
  };
  std::optional<Parent> ask_parent(FileHandle handle) const;
  // The directory, and those below, are somewhere else; `changed` is told of those whose sights are other ones now.
  using Changed = std::function<void(Directory&)>;
  void renamed(std::uint64_t filesystem, const std::string& from, const std::string& to, const Changed& changed);

  // To look at entries from; -1: it is gone.
  int open(Directory& directory);
  UniqueFd open_handle(FileHandle handle, int flags) const;

  // Called for what is let go of that was ignored.
  Changed on_forget;

  template <class Function>
  void for_each(Function&& function) {
    for (auto& directory : order_) function(directory);
  }

 private:
  using Order = std::list<Directory>;
  void forget(Order::iterator directory);
  void leave_path(Order::iterator directory);
  void look(Directory& directory) const;
  static std::string index_key(std::uint64_t filesystem, std::string_view inner);

  const WatchPatterns* patterns_ = nullptr;
  std::vector<MarkedFilesystem> filesystems_;
  Order order_;  // most recently used first
  std::unordered_map<std::string_view, Order::iterator> by_handle_;
  std::multimap<std::string, Order::iterator> by_path_;  // filesystem and path in it
  std::deque<std::string> open_;                         // handles, as they were opened
};

}  // namespace osprey::events
