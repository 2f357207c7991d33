// DirectoryTree: a watch on every directory that watch patterns lead to, kept so while directories come and go.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/unique_fd.h"
#include "events/watch/directory_watches.h"
#include "events/watch/file_reporter.h"
#include "events/watch/watch_walk.h"

namespace osprey::events {

// One watch a directory, whatever number of categories it is in. Directories that come are watched and then read, so
// that what was made before the watch is told too, once; nobody knows by whom. What does not fit into the limit of the
// watches is counted.
class DirectoryTree {
 public:
  DirectoryTree(DirectoryWatches& watches, FileReporter& reporter) : watches_(watches), reporter_(reporter) {}

  // Nothing is watched yet.
  Result<void> open();
  void close() noexcept;
  bool is_open() const noexcept { return watches_.descriptor() >= 0; }
  int descriptor() const noexcept { return watches_.descriptor(); }

  struct Scope {
    std::vector<std::string> tops;               // directories from which the patterns are followed
    std::vector<std::string> files;              // that are mounted somewhere: no directory tells of them
    std::set<std::string, std::less<>> avoided;  // mount points that are not gone into
    bool accesses = false;
  };
  // What is to be watched from now on. `patterns` stay until the next call. Watches that both want are kept.
  void watch(const WatchPatterns& patterns, Scope scope);
  // The scope is another one, as something was mounted or unmounted at `points`: what else it has is not looked at
  // anew. With a sink, files there that changed after `since` (CLOCK_REALTIME, nanoseconds) are told.
  void remounted(Scope scope, const std::vector<std::string>& points, EventSink* sink, std::int64_t since);

  // As Source::next().
  Result<bool> next(EventSink& sink, std::size_t most);

  std::size_t watches() const noexcept { return by_watch_.size(); }

 private:
  struct Node;
  using Children = std::map<std::string, std::unique_ptr<Node>, std::less<>>;
  struct Node {
    Node* parent = nullptr;
    std::string name;  // of a top: its path
    int watch = -1;
    WatchPatterns::Place place;
    bool is_file = false;
    bool tells_itself = false;  // no watch of a parent tells of it
    bool seen = true;           // by the walk that is under way
    Children children;
  };
  // Which entries a walk tells of.
  enum class Tell { nothing, all, changed };

  std::string path_of(const Node& node) const;
  Node* find(std::string_view path) const;
  // Watches a directory that a walk came to. Null: it is not to be gone into.
  Node* settle(const WatchWalk::Directory& directory);
  void settle_file(const std::string& path);
  int add_watch(const WatchWalk::Directory& directory);
  int add_watch(int fd, std::uint32_t mask);
  void walk(EventSink* sink, const std::string& path, Tell tell, std::int64_t since);
  WatchWalk::Visitor visitor(EventSink* sink, Tell tell, std::int64_t since);
  void found(EventSink& sink, const WatchWalk::Directory& directory, const char* name, Tell tell, std::int64_t since);
  // Makes the watches below `path` agree with what is there now.
  void sync(EventSink* sink, const std::string& path, Tell tell, std::int64_t since);
  void remove(Node& node);
  // And its owner lets it go.
  void erase(Node& node);
  bool is_watched(int watch, const Node* node) const;
  std::unique_ptr<Node> take_away(Node& parent, Children::iterator child);
  void forget_watch(const Node& node);
  void sweep(Node& node);
  void sweep_tops();

  void handle(EventSink& sink, const DirectoryEvent& event);
  void handle_entry(EventSink& sink, Node& node, const DirectoryEvent& event);
  void tell(EventSink& sink, const Node& node, const DirectoryEvent& event, FileAction action);
  void tell_found(EventSink& sink, const std::string& path);
  void moved_away(Node& parent, const DirectoryEvent& event);
  void moved_here(EventSink& sink, Node& parent, const DirectoryEvent& event);
  bool is_about_to_move(const DirectoryEvent& event) const;
  void overflowed(EventSink& sink, std::uint32_t lost);
  void drained(EventSink& sink);

  DirectoryWatches& watches_;
  FileReporter& reporter_;
  const WatchPatterns* patterns_ = nullptr;
  Scope scope_;
  std::uint32_t mask_ = 0;
  Children tops_;
  std::unordered_multimap<int, Node*> by_watch_;
  std::span<const DirectoryEvent> unread_;
  // Since the queue was empty last.
  struct Move {
    std::string path;            // where it was
    std::unique_ptr<Node> node;  // of a watched directory
  };
  std::map<std::uint32_t, Move> moves_;    // by cookie
  std::unique_ptr<Node> displaced_;        // by a directory that came to its name; itself about to move
  std::unordered_set<std::string> found_;  // by a walk, and not told: an event that says by whom may be yet to come
  std::int64_t drained_at_ = 0;            // CLOCK_REALTIME
  const Node* open_node_ = nullptr;        // whose directory `open_` is
  UniqueFd open_;
  std::unique_ptr<WatchWalk> rescan_;
  std::uint64_t unwatched_ = 0;
};

}  // namespace osprey::events
