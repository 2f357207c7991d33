#include "events/watch/directory_tree.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/clock_reading.h"

namespace osprey::events {
namespace {

constexpr std::size_t kRescanPiece = 4096;       // entries between two looks at the queue
constexpr std::size_t kMostFound = 65536;        // names; the events of more are told twice
constexpr std::int64_t kClockTick = 10'000'000;  // file times may be so old when they are taken

constexpr std::uint32_t kChanges =
    IN_MOVED_TO | IN_MOVED_FROM | IN_MODIFY | IN_DELETE | IN_CREATE | IN_CLOSE_WRITE | IN_ATTRIB;
// Of directories that only lead to others.
constexpr std::uint32_t kComings = IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE;
constexpr std::uint32_t kAccesses = IN_OPEN | IN_ACCESS;
constexpr std::uint32_t kFileChanges = IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | kAccesses;

std::optional<FileAction> action_of(std::uint32_t mask) noexcept {
  if (mask & IN_CREATE) return FileAction::created;
  if (mask & IN_DELETE) return FileAction::deleted;
  if (mask & IN_MOVED_FROM) return FileAction::moved_from;
  if (mask & IN_MOVED_TO) return FileAction::moved_to;
  if (mask & (IN_MODIFY | IN_CLOSE_WRITE)) return FileAction::updated;
  if (mask & IN_ATTRIB) return FileAction::attributes_modified;
  if (mask & IN_OPEN) return FileAction::opened;
  if (mask & IN_ACCESS) return FileAction::accessed;
  return std::nullopt;
}

std::string_view parent_of(std::string_view path) noexcept {
  const auto slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool is_mount_root(int directory) noexcept {
  struct statx info{};
  return ::statx(directory, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, 0, &info) == 0 &&
         (info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

}  // namespace

Result<void> DirectoryTree::open() {
  TRY(watches_.open());
  drained_at_ = clock_nanoseconds(CLOCK_REALTIME);
  return {};
}

void DirectoryTree::close() noexcept {
  tops_.clear();
  moves_.clear();
  displaced_.reset();
  by_watch_.clear();
  found_.clear();
  rescan_.reset();
  unread_ = {};
  open_node_ = nullptr;
  open_.reset();
  watches_.close();
}

std::string DirectoryTree::path_of(const Node& node) const {
  return node.parent == nullptr ? node.name : entry_path(path_of(*node.parent), node.name);
}

DirectoryTree::Node* DirectoryTree::find(std::string_view path) const {
  // The longest top that the path lies below.
  Node* found = nullptr;
  std::string_view rest;
  for (const auto& [top, node] : tops_) {
    const bool below = top == "/" || path == top || (path.starts_with(top) && path[top.size()] == '/');
    if (!below || (found != nullptr && top.size() < found->name.size())) continue;
    found = node.get();
    rest = path.substr(std::min(path.size(), top.size()));
  }
  while (found != nullptr && !rest.empty()) {
    if (rest.front() == '/') {
      rest.remove_prefix(1);
      continue;
    }
    const auto name = rest.substr(0, rest.find('/'));
    rest.remove_prefix(name.size());
    const auto child = found->children.find(name);
    found = child == found->children.end() ? nullptr : child->second.get();
  }
  return found;
}

int DirectoryTree::add_watch(int fd, std::uint32_t mask) {
  const int watch = watches_.add(fd, mask);
  if (watch < 0 && errno == ENOSPC)
    reporter_.lacking("watches", std::string(watches_.limit()) + ": directories that are not watched", ++unwatched_);
  return watch;
}

int DirectoryTree::add_watch(const WatchWalk::Directory& directory) {
  const bool leads = !patterns_->wants_entries(directory.place) && !is_mount_root(directory.fd);
  // One directory may be seen in several places.
  return add_watch(directory.fd, (leads ? kComings : mask_) | IN_ONLYDIR);
}

void DirectoryTree::settle_file(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  const int watch = file ? add_watch(file.get(), mask_ & kFileChanges) : -1;
  const auto known = tops_.find(path);
  if (known != tops_.end() && known->second->watch != watch) erase(*known->second);
  if (watch < 0 || tops_.contains(path)) return;
  auto made = std::make_unique<Node>();
  made->name = path;
  made->watch = watch;
  made->is_file = true;
  made->tells_itself = true;
  by_watch_.emplace(watch, made.get());
  tops_[path] = std::move(made);
}

DirectoryTree::Node* DirectoryTree::settle(const WatchWalk::Directory& directory) {
  if (scope_.avoided.contains(directory.path)) return nullptr;
  const int watch = add_watch(directory);
  if (watch < 0) return nullptr;
  auto* node = find(directory.path);
  if (node != nullptr && node->watch != watch) {
    erase(*node);  // another directory has come to where that was
    node = nullptr;
  }
  if (node == nullptr) {
    auto made = std::make_unique<Node>();
    node = made.get();
    node->watch = watch;
    const bool is_top = std::ranges::find(scope_.tops, directory.path) != scope_.tops.end();
    const auto slash = directory.path.rfind('/');
    auto* parent = is_top ? nullptr : find(parent_of(directory.path));
    node->tells_itself = parent == nullptr || is_mount_root(directory.fd);
    node->parent = parent;
    node->name = parent == nullptr ? directory.path : directory.path.substr(slash + 1);
    by_watch_.emplace(watch, node);
    if (parent == nullptr)
      tops_[node->name] = std::move(made);
    else
      parent->children[node->name] = std::move(made);
  }
  node->place = directory.place;
  node->seen = true;
  return node;
}

void DirectoryTree::found(EventSink& sink, const WatchWalk::Directory& directory, const char* name, Tell tell,
                          std::int64_t since) {
  if (tell == Tell::changed) return reporter_.tell_changed(sink, *patterns_, directory, name, since);
  WatchPatterns::Categories categories;
  patterns_->match(directory.place, name, categories);
  if (categories.empty()) return;
  const auto path = entry_path(directory.path, name);
  if (!found_.insert(path).second) return;
  if (found_.size() > kMostFound) tell_found(sink, path);
}

// Nobody has said who made it.
void DirectoryTree::tell_found(EventSink& sink, const std::string& path) {
  if (found_.erase(path) == 0) return;
  const auto slash = path.rfind('/');
  WatchPatterns::Categories categories;
  patterns_->match(patterns_->at(std::string_view(path).substr(0, slash)), std::string_view(path).substr(slash + 1),
                   categories);
  FileEvent event;
  event.action = FileAction::created;
  event.path = path;
  event.file = file_state(AT_FDCWD, path.c_str());
  reporter_.tell(sink, event, categories);
}

WatchWalk::Visitor DirectoryTree::visitor(EventSink* sink, Tell tell, std::int64_t since) {
  WatchWalk::Visitor visitor;
  visitor.enter = [this](const WatchWalk::Directory& directory) { return settle(directory) != nullptr; };
  const bool tells = sink != nullptr && tell != Tell::nothing;
  if (!tells && !watches_.tells_of_itself()) return visitor;
  visitor.entry = [this, sink, tells, tell, since](const WatchWalk::Directory& directory, const char* name,
                                                   unsigned char type) {
    if (type == DT_DIR && watches_.tells_of_itself() && patterns_->enter(directory.place, name).dead())
      if (const auto* node = find(directory.path)) watches_.saw(node->watch, directory.fd, name);
    if (tells) found(*sink, directory, name, tell, since);
  };
  return visitor;
}

void DirectoryTree::walk(EventSink* sink, const std::string& path, Tell tell, std::int64_t since) {
  WatchWalk walk(*patterns_, visitor(sink, tell, since));
  walk.add(path);
  while (walk.go(kRescanPiece)) {
  }
}

void DirectoryTree::sync(EventSink* sink, const std::string& path, Tell tell, std::int64_t since) {
  open_node_ = nullptr;
  const UniqueFd directory(open_directory(AT_FDCWD, path, O_PATH));
  if (auto* node = find(path); node != nullptr) {
    if (directory && add_watch({path, node->place, directory.get()}) == node->watch && tell != Tell::all) return;
    if (!directory) erase(*node);
  }
  if (directory) walk(sink, path, tell, since);
}

void DirectoryTree::forget_watch(const Node& node) {
  const auto [first, last] = by_watch_.equal_range(node.watch);
  for (auto it = first; it != last; ++it)
    if (it->second == &node) {
      by_watch_.erase(it);
      return;
    }
}

// It and what is below is not watched any more; the node itself stays until its owner lets it go.
void DirectoryTree::remove(Node& node) {
  for (auto& [name, child] : node.children) remove(*child);
  node.children.clear();
  forget_watch(node);
  if (open_node_ == &node) open_node_ = nullptr;
  if (!by_watch_.contains(node.watch)) watches_.remove(node.watch, path_of(node));
}

void DirectoryTree::erase(Node& node) {
  remove(node);
  auto& owner = node.parent == nullptr ? tops_ : node.parent->children;
  if (const auto found = owner.find(node.name); found != owner.end() && found->second.get() == &node) {
    owner.erase(found);
    return;
  }
  if (displaced_.get() == &node) displaced_.reset();
  for (auto& [cookie, move] : moves_)
    if (move.node.get() == &node) move.node.reset();
}

// Lets go what the walk before has not come to.
void DirectoryTree::sweep(Node& node) {
  for (auto it = node.children.begin(); it != node.children.end();) {
    if (it->second->seen) {
      sweep(*it->second);
      ++it;
    } else {
      remove(*it->second);
      it = node.children.erase(it);
    }
  }
}

void DirectoryTree::watch(const WatchPatterns& patterns, Scope scope) {
  patterns_ = &patterns;
  scope_ = std::move(scope);
  mask_ = kChanges | (scope_.accesses ? kAccesses : 0U);
  unwatched_ = 0;
  rescan_.reset();
  for (auto& [watch, node] : by_watch_) node->seen = node->is_file;
  for (const auto& top : scope_.tops) walk(nullptr, top, Tell::nothing, 0);
  for (const auto& file : scope_.files) settle_file(file);
  sweep_tops();
}

// Lets go of those that the walk before has not come to, or that the scope does not have any more.
void DirectoryTree::sweep_tops() {
  for (auto it = tops_.begin(); it != tops_.end();) {
    auto& top = *it->second;
    const auto& wanted = top.is_file ? scope_.files : scope_.tops;
    if (top.seen && std::ranges::find(wanted, top.name) != wanted.end()) {
      sweep(top);
      ++it;
    } else {
      remove(top);
      it = tops_.erase(it);
    }
  }
}

void DirectoryTree::remounted(Scope scope, const std::vector<std::string>& points, EventSink* sink,
                              std::int64_t since) {
  scope_ = std::move(scope);
  sweep_tops();
  for (const auto& top : scope_.tops)
    if (!tops_.contains(top)) walk(nullptr, top, Tell::nothing, 0);
  for (const auto& point : points) {
    const auto has = [&](const auto& list) { return std::ranges::find(list, point) != list.end(); };
    if (has(scope_.files)) {
      settle_file(point);
      if (sink != nullptr) reporter_.tell_changed(*sink, *patterns_, point, since);
    } else if (scope_.avoided.contains(point)) {
      if (auto* const node = find(point)) erase(*node);
    } else if (!patterns_->at(point).dead() && (has(scope_.tops) || find(parent_of(point)) != nullptr)) {
      sync(sink, point, sink ? Tell::changed : Tell::nothing, since);
    }
  }
}

void DirectoryTree::drained(EventSink& sink) {
  while (!found_.empty()) tell_found(sink, std::string(*found_.begin()));
  for (auto& [cookie, move] : moves_)
    if (move.node) remove(*move.node);  // it has left what is watched
  moves_.clear();
  if (displaced_) remove(*displaced_);
  displaced_.reset();
  open_node_ = nullptr;
  open_.reset();
  drained_at_ = clock_nanoseconds(CLOCK_REALTIME);
}

Result<bool> DirectoryTree::next(EventSink& sink, std::size_t most) {
  const auto before = reporter_.kept();
  for (;;) {
    if (unread_.empty()) unread_ = TRY(watches_.read());
    if (unread_.empty()) break;
    while (!unread_.empty()) {
      if (reporter_.kept() - before >= most) return true;
      const auto event = unread_.front();
      unread_ = unread_.subspan(1);
      handle(sink, event);
    }
  }
  if (rescan_) {
    if (rescan_->go(kRescanPiece)) return true;
    rescan_.reset();
  }
  drained(sink);
  return false;
}

void DirectoryTree::handle(EventSink& sink, const DirectoryEvent& event) {
  if (event.mask & IN_Q_OVERFLOW) return overflowed(sink, event.cookie);
  std::vector<Node*> nodes;
  const auto [first, last] = by_watch_.equal_range(event.watch);
  for (auto it = first; it != last; ++it) nodes.push_back(it->second);
  if (event.mask & IN_IGNORED) {
    for (auto* node : nodes)
      if (is_watched(event.watch, node)) erase(*node);
    return;
  }
  if (event.mask & IN_UNMOUNT) return;
  if (nodes.empty()) reporter_.filtered();
  // What is done for one may end another.
  for (auto* node : nodes)
    if (is_watched(event.watch, node)) handle_entry(sink, *node, event);
}

bool DirectoryTree::is_watched(int watch, const Node* node) const {
  const auto [first, last] = by_watch_.equal_range(watch);
  return std::any_of(first, last, [&](const auto& one) { return one.second == node; });
}

void DirectoryTree::handle_entry(EventSink& sink, Node& node, const DirectoryEvent& event) {
  const auto action = action_of(event.mask);
  const bool directory = (event.mask & IN_ISDIR) != 0;
  // A directory's being read by whoever walks, us too, is no access to a file.
  const bool access = action == FileAction::opened || action == FileAction::accessed;
  const bool told_elsewhere = event.name.empty() && !node.tells_itself && !watches_.tells_of_itself();
  if (!action || told_elsewhere || (directory && access)) return reporter_.filtered();
  tell(sink, node, event, *action);
  if (*action == FileAction::moved_from) return moved_away(node, event);
  if (*action == FileAction::moved_to) return moved_here(sink, node, event);
  if (!directory || event.name.empty()) return;
  if (*action != FileAction::created && *action != FileAction::deleted) return;
  if (patterns_->enter(node.place, event.name).dead()) return;
  sync(&sink, entry_path(path_of(node), event.name), *action == FileAction::created ? Tell::all : Tell::changed,
       drained_at_ - kClockTick);
}

void DirectoryTree::tell(EventSink& sink, const Node& node, const DirectoryEvent& event, FileAction action) {
  WatchPatterns::Categories categories;
  const auto directory = path_of(node);
  if (event.name.empty()) {
    const auto slash = directory.rfind('/');
    patterns_->match(patterns_->at(std::string_view(directory).substr(0, slash)), directory.substr(slash + 1),
                     categories);
  } else {
    patterns_->match(node.place, event.name, categories);
  }
  const auto path = entry_path(directory, event.name);
  if (action == FileAction::created)
    found_.erase(path);
  else
    tell_found(sink, path);
  if (!reporter_.wanted(action, categories)) return;
  FileEvent told;
  told.actor.process = event.process;
  told.action = action;
  told.coalesced = event.coalesced;
  told.path = path;
  told.transaction = event.cookie;
  if (action == FileAction::moved_to)
    if (const auto from = moves_.find(event.cookie); from != moves_.end()) told.old_path = from->second.path;
  if (node.is_file) {
    told.file = file_state(AT_FDCWD, path.c_str());
  } else if (action != FileAction::deleted && action != FileAction::moved_from) {
    if (open_node_ != &node) {
      open_.reset(open_directory(AT_FDCWD, directory, O_PATH));
      open_node_ = open_ ? &node : nullptr;
    }
    if (open_node_ != nullptr) told.file = file_state(open_.get(), std::string(event.name).c_str());
  }
  reporter_.tell(sink, told, categories);
}

void DirectoryTree::moved_away(Node& parent, const DirectoryEvent& event) {
  auto& move = moves_[event.cookie];
  move.path = entry_path(path_of(parent), event.name);
  if ((event.mask & IN_ISDIR) == 0) return;
  open_node_ = nullptr;
  const auto child = parent.children.find(event.name);
  if (child == parent.children.end()) return;
  if (displaced_ && displaced_->name == move.path) {
    move.node = std::move(displaced_);
    return;
  }
  move.node = take_away(parent, child);
}

// Until it is somewhere again it stands for itself, with its path for a name: its parent may go meanwhile.
std::unique_ptr<DirectoryTree::Node> DirectoryTree::take_away(Node& parent, Children::iterator child) {
  auto node = std::move(child->second);
  parent.children.erase(child);
  node->name = entry_path(path_of(parent), node->name);
  node->parent = nullptr;
  return node;
}

// Two that change places move one after the other.
bool DirectoryTree::is_about_to_move(const DirectoryEvent& event) const {
  if (unread_.empty()) return false;
  const auto& next = unread_.front();
  return (next.mask & IN_MOVED_FROM) != 0 && next.watch == event.watch && next.name == event.name;
}

void DirectoryTree::moved_here(EventSink& sink, Node& parent, const DirectoryEvent& event) {
  if ((event.mask & IN_ISDIR) == 0) return;
  open_node_ = nullptr;
  const auto path = entry_path(path_of(parent), event.name);
  std::unique_ptr<Node> node;
  if (const auto move = moves_.find(event.cookie); move != moves_.end()) node = std::move(move->second.node);
  auto place = patterns_->enter(parent.place, event.name);
  if (!node) {
    if (!place.dead()) sync(&sink, path, Tell::changed, drained_at_ - kClockTick);
    return;
  }
  if (place.dead()) return remove(*node);
  if (const auto there = parent.children.find(event.name); there != parent.children.end()) {
    auto displaced = take_away(parent, there);
    if (displaced->watch != node->watch && is_about_to_move(event))
      displaced_ = std::move(displaced);
    else
      remove(*displaced);  // a walk came to it already, or the rename has removed it
  }
  const bool same = place.wanted == node->place.wanted && place.excluded == node->place.excluded;
  node->parent = &parent;
  node->name = event.name;
  node->place = std::move(place);
  auto& moved = *(parent.children[node->name] = std::move(node));
  if (same) return;
  // What is wanted below has changed with the path.
  const auto unsee = [](auto& self, Node& below) -> void {
    below.seen = false;
    for (auto& [name, child] : below.children) self(self, *child);
  };
  unsee(unsee, moved);
  walk(nullptr, path, Tell::nothing, 0);
  if (auto* now = find(path)) sweep(*now);
}

void DirectoryTree::overflowed(EventSink& sink, std::uint32_t lost) {
  if (lost > 0)
    reporter_.dropped("queue", "events came faster than they were read", lost, true);
  else
    reporter_.dropped("kernel queue", watches_.queue_limit(), 1, false);
  reporter_.tell_gap(sink);
  open_node_ = nullptr;
  rescan_ = std::make_unique<WatchWalk>(*patterns_, visitor(&sink, Tell::changed, drained_at_ - kClockTick));
  for (const auto& top : scope_.tops) rescan_->add(top);
  for (const auto& file : scope_.files) reporter_.tell_changed(sink, *patterns_, file, drained_at_ - kClockTick);
}

}  // namespace osprey::events
