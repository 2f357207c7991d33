#include "events/fanotify/fanotify_source.h"

#include <fcntl.h>
#include <linux/fanotify.h>
#include <linux/mount.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <deque>
#include <thread>
#include <unordered_map>
#include <utility>

#include "base/clock_reading.h"
#include "events/fanotify/directories.h"
#include "events/fanotify/fanotify_group.h"
#include "events/fanotify/fanotify_watches.h"
#include "events/inotify/inotify_watches.h"
#include "events/watch/directory_tree.h"
#include "events/watch/file_reporter.h"
#include "events/watch/mount_watch.h"
#include "events/watch/paced_poll.h"

namespace osprey::events {
namespace {

constexpr std::size_t kChunk = 128 << 10;
constexpr std::size_t kMostChunks = 128;            // that are looked ahead
constexpr std::size_t kKeptChunks = 16;             // afterwards
constexpr std::size_t kRescanPiece = 4096;          // entries between two looks at the queue
constexpr std::size_t kMostAfterLoss = 10'000'000;  // entries that are looked at, then
constexpr std::size_t kMostAfterMove = 100'000;     // and below what was mounted or moved to where it is watched
constexpr std::size_t kMostRescans = 256;
constexpr std::size_t kBusy = 32;           // events in a directory of no interest, for it to be ignored
constexpr std::size_t kMostIgnored = 4096;  // directories
constexpr std::size_t kDeepest = 256;       // directories above each other
constexpr auto kRemovalTry = std::chrono::milliseconds(1);
constexpr int kRemovalTries = 64;  // in one turn
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kClockTick = 10'000'000;  // file times may be so old when they are taken

constexpr std::uint64_t kWrites = FAN_MODIFY | FAN_CLOSE_WRITE;
constexpr std::uint64_t kAccesses = FAN_OPEN | FAN_ACCESS;
constexpr std::uint64_t kMoves = FAN_MOVED_FROM | FAN_MOVED_TO;
constexpr std::uint64_t kChanges = kWrites | FAN_ATTRIB | FAN_CREATE | FAN_DELETE | FAN_ONDIR;
// What happens to files in a directory, but for renames, which may lead to where they are of interest.
constexpr std::uint64_t kIgnored = kWrites | kAccesses | FAN_ATTRIB | FAN_CREATE | FAN_DELETE | FAN_EVENT_ON_CHILD;

Result<FanotifyGroup> group_of(const FanotifyOptions& options) {
  const unsigned queue = options.unlimited_queue ? FAN_UNLIMITED_QUEUE : 0U;
  return fanotify_group(FAN_UNLIMITED_MARKS | queue, options.renames);
}

// A private copy of what is mounted at `point`, open for reading.
UniqueFd copy_of_mount(const std::string& point) {
  const UniqueFd copy(static_cast<int>(
      ::syscall(SYS_open_tree, AT_FDCWD, point.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_NO_AUTOMOUNT)));
  if (!copy) return UniqueFd();
  return UniqueFd(open_directory(copy.get(), ".", O_RDONLY | O_NONBLOCK));
}

std::optional<std::uint64_t> filesystem_id(int fd) {
  struct statfs info{};
  if (::fstatfs(fd, &info) != 0) return std::nullopt;
  std::uint64_t id = 0;
  static_assert(sizeof info.f_fsid == sizeof id);
  std::memcpy(&id, &info.f_fsid, sizeof id);
  return id;
}

class FanotifySource final : public Source {
 public:
  explicit FanotifySource(const FanotifyOptions& options)
      : options_(options), own_pid_(options.own_pid >= 0 ? options.own_pid : ::getpid()) {
    directories_.on_forget = [this](Directories::Directory& directory) { unignore(directory); };
  }
  ~FanotifySource() override { close(); }

  Origin origin() const noexcept override { return Origin::fanotify; }
  Kinds offers() const override { return fanotify_works() ? Kinds().set(kKind<FileEvent>) : Kinds(); }
  Result<void> open(const Demand& demand) override;
  int descriptor() const noexcept override { return poll_.descriptor(); }
  Result<bool> next(EventSink& sink, std::size_t most) override;
  SourceCounts counts() const override;
  void close() noexcept override;

 private:
  using Directory = Directories::Directory;
  struct Pending {
    FanotifyEvent event;
    ProcessKey process;
  };

  Result<void> start();
  // Marks what is to be marked now. The mounts' points that cannot be are returned.
  std::vector<std::string> mark(const std::vector<Mount>& mounts, bool accesses);
  bool is_needed(const std::vector<Mount>& mounts, const Mount& mount) const;
  bool mark_filesystem(int top, unsigned how, std::uint64_t mask) const;
  // Mounts that cannot be marked as a whole, each by what can be had there.
  struct Others {
    DirectoryWatches& watches;
    FileReporter& reporter;
    DirectoryTree tree{watches, reporter};
    bool is_watching = false;
  };
  // `changed`: points where something was mounted or unmounted; null: all is looked at anew.
  void watch_others(const std::vector<std::string>& points, const std::vector<std::string>* changed);
  void watch_in(Others& others, DirectoryTree::Scope scope, const std::vector<std::string>* changed);
  bool start(Others& others);
  void stop(Others& others) noexcept;
  void mounts_changed();

  // Reads a piece of the queue behind what is pending; false: there is none, or no room.
  Result<bool> read_more();
  void add(FanotifyEvent event);
  void note(const FanotifyEvent& event);
  void forget_pending();
  Result<bool> let_go_of_too_many(EventSink& sink);

  Directory* locate(FileHandle handle, std::size_t depth = 0);
  Directory* locate_in(FileHandle parent, std::string_view name, FileHandle handle, std::size_t depth);
  const FanotifyEvent::Entry* left_from(FileHandle handle) const;

  void process(EventSink& sink, Pending& pending);
  void process_rename(EventSink& sink, Pending& pending);
  void process_moves(EventSink& sink, Pending& pending);
  void process_move(EventSink& sink, Pending& pending, Directory& directory, bool from);
  void follow_rename(const FanotifyEvent& event, const Directory& from, Directory& to);
  void process_entry(EventSink& sink, Pending& pending, Directory& directory);
  bool tell(EventSink& sink, const Pending& pending, Directory& directory, std::string_view name, FileEvent& event);

  void ignore_busy();
  void unignore(Directory& directory);
  void lost(EventSink& sink);
  // Has what changed below `path` since then told, in pieces, when the queue is empty.
  void rescan(const std::string& path, std::int64_t since, std::size_t most);
  bool rescan_piece();

  const FanotifyOptions options_;
  const std::int64_t own_pid_;
  FileReporter reporter_{Origin::fanotify};
  FileReporter inotify_reporter_{Origin::inotify};
  FanotifyWatches inode_marks_{
      {.own_pid = own_pid_, .most_queued = options_.most_queued, .unlimited_queue = options_.unlimited_queue}};
  InotifyWatches inotify_watches_;
  Others marked_{inode_marks_, reporter_};
  Others unmarked_{inotify_watches_, inotify_reporter_};
  MountWatch mount_watch_;
  PacedPoll poll_;
  FanotifyGroup group_;
  std::uint64_t mask_ = 0;
  std::vector<WatchedCategory> watched_;
  std::unique_ptr<WatchPatterns> patterns_;
  std::vector<Mount> mounts_;
  std::vector<std::string> files_;  // that are mounted
  Directories directories_;

  // What was read and not yet told; texts are views into the chunks.
  std::vector<std::unique_ptr<char[]>> chunks_;
  std::size_t chunks_used_ = 0;
  std::vector<Pending> pending_;
  int removal_tries_ = 0;  // left in this turn
  std::size_t at_ = 0;
  std::unordered_map<std::int64_t, ProcessKey> processes_;           // of a chunk
  std::unordered_map<FileHandle, std::vector<std::size_t>> leaves_;  // directories that are renamed or removed
  std::size_t directory_renames_ = 0;                                // pending
  std::optional<std::size_t> exchanged_;                             // the second half of an exchange
  std::optional<std::pair<std::uint64_t, std::string>> moving_;      // of the MOVED_FROM just before

  std::vector<std::string> busy_;  // handles of directories
  std::size_t ignored_ = 0;
  bool can_ignore_ = true;
  std::uint64_t transaction_ = 0;
  std::int64_t drained_at_ = 0;  // CLOCK_REALTIME
  bool anything_ = false;        // since the last drain
  struct Rescan {
    WatchWalk walk;
    std::size_t left;  // entries
  };
  std::deque<std::unique_ptr<Rescan>> rescans_;
  EventSink* sink_ = nullptr;  // within next()
};

Result<void> FanotifySource::start() {
  if (group_.fd) return {};
  auto opened = [&]() -> Result<void> {
    group_ = TRY(group_of(options_));
    TRY(mount_watch_.open());
    TRY(poll_.open(options_.pace));
    TRY(poll_.add_paced(group_.fd.get()));
    return poll_.add(mount_watch_.descriptor());
  }();
  if (!opened) close();
  drained_at_ = clock_nanoseconds(CLOCK_REALTIME);
  can_ignore_ = true;
  return opened;
}

Result<void> FanotifySource::open(const Demand& demand) {
  const bool is_first = !group_.fd;
  TRY(start());
  mounts_ = TRY(mount_watch_.read());
  auto patterns = std::make_unique<WatchPatterns>(demand.watched, options_.meaning);
  std::swap(patterns_, patterns);
  watched_ = demand.watched;
  reporter_.watch(watched_);
  inotify_reporter_.watch(watched_);
  directories_.watch(*patterns_);
  rescans_.clear();
  directories_.for_each([this](Directory& directory) { unignore(directory); });
  watch_others(mark(mounts_, has_accesses(watched_)), nullptr);
  if (is_first && directories_.filesystems().empty() && !marked_.tree.is_open() && unmarked_.tree.is_open()) {
    close();
    return failure("fanotify", "none of the filesystems with watched paths can be marked");
  }
  return {};
}

bool FanotifySource::is_needed(const std::vector<Mount>& mounts, const Mount& mount) const {
  if (patterns_->at(mount.point).dead()) {
    // A base may be the mount point itself, as a name of its parent's.
    return false;
  }
  return std::ranges::any_of(patterns_->bases(), [&](const std::string& base) {
    return (lies_below(mount.point, base) && mount.point != "/") || mount_of(mounts, base) == &mount;
  });
}

bool FanotifySource::mark_filesystem(int top, unsigned how, std::uint64_t mask) const {
  return ::fanotify_mark(group_.fd.get(), how | FAN_MARK_FILESYSTEM, mask, top, ".") == 0;
}

std::vector<std::string> FanotifySource::mark(const std::vector<Mount>& mounts, bool accesses) {
  const auto mask =
      kChanges | (accesses ? kAccesses : 0U) | (group_.names_targets ? std::uint64_t{FAN_RENAME} : kMoves);
  const auto avoided = avoided_mounts(mounts, patterns_->bases());
  files_ = mounted_files(mounts, *patterns_);
  auto& before = directories_.filesystems();
  std::vector<MarkedFilesystem> now;
  std::vector<std::string> others;
  for (const auto& mount : mounts) {
    if (avoided.contains(mount.point)) continue;
    if (std::ranges::find(files_, mount.point) != files_.end()) {
      others.push_back(mount.point);
      continue;
    }
    if (!is_needed(mounts, mount)) continue;
    auto top = copy_of_mount(mount.point);
    const auto id = top ? filesystem_id(top.get()) : std::nullopt;
    auto found = std::ranges::find_if(now, [&](const auto& one) { return id && one.id == *id; });
    if (found == now.end()) {
      if (!id || *id == 0 || !mark_filesystem(top.get(), FAN_MARK_ADD, mask)) {
        others.push_back(mount.point);
        continue;
      }
      found = now.insert(now.end(), MarkedFilesystem{*id, std::move(top), mount.root, {}});
    } else if (mount.root.size() < found->root.size()) {
      found->top = std::move(top);  // more of it is seen from here
      found->root = mount.root;
    }
    found->views.push_back({mount.id, mount.root, mount.point});
  }
  for (auto& old : before) {
    const bool stays = std::ranges::find(now, old.id, &MarkedFilesystem::id) != now.end();
    const auto less = stays ? mask_ & ~mask : mask_;
    if (less != 0) mark_filesystem(old.top.get(), FAN_MARK_REMOVE, less);
  }
  mask_ = mask;
  directories_.set_filesystems(std::move(now));
  return others;
}

// They are walked, without those below them: these come into this list themselves.
void FanotifySource::watch_others(const std::vector<std::string>& points, const std::vector<std::string>* changed) {
  DirectoryTree::Scope marked;
  DirectoryTree::Scope unmarked;
  const bool can_mark = !points.empty() && options_.renames && start(marked_);
  for (const auto& point : points) {
    const UniqueFd top(::open(point.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!top) continue;
    const bool is_directory = S_ISDIR(file_state(top.get(), "").mode.value_or(0));
    const bool is_marked =
        can_mark && inode_marks_.add(top.get(), is_directory ? IN_CREATE | IN_ONLYDIR : IN_MODIFY) >= 0;
    auto& scope = is_marked ? marked : unmarked;
    (is_directory ? scope.tops : scope.files).push_back(point);
  }
  for (auto* scope : {&marked, &unmarked}) {
    scope->accesses = (mask_ & kAccesses) != 0;
    for (const auto& mount : mounts_)
      if (std::ranges::find(scope->tops, mount.point) == scope->tops.end()) scope->avoided.insert(mount.point);
  }
  watch_in(marked_, std::move(marked), changed);
  watch_in(unmarked_, std::move(unmarked), changed);
}

void FanotifySource::watch_in(Others& others, DirectoryTree::Scope scope, const std::vector<std::string>* changed) {
  const auto points = scope.tops.size() + scope.files.size();
  if (points == 0) return stop(others);
  if (!start(others)) return reporter_.lacking("marks", "filesystems that can neither be marked nor watched", points);
  if (changed && std::exchange(others.is_watching, true))
    return others.tree.remounted(std::move(scope), *changed, nullptr, 0);
  others.is_watching = true;
  others.tree.watch(*patterns_, std::move(scope));
}

bool FanotifySource::start(Others& others) {
  if (others.tree.is_open()) return true;
  if (others.tree.open() && poll_.add_paced(others.tree.descriptor())) return true;
  others.tree.close();
  return false;
}

void FanotifySource::stop(Others& others) noexcept {
  if (others.tree.is_open()) poll_.remove(others.tree.descriptor());
  others.tree.close();
  others.is_watching = false;
}

void FanotifySource::mounts_changed() {
  auto mounts = mount_watch_.read();
  if (!mounts) return;
  const auto points = changed_points(mounts_, *mounts);
  mounts_ = std::move(*mounts);
  watch_others(mark(mounts_, (mask_ & kAccesses) != 0), &points);
  // What was done there before we came to know of it.
  const auto since = clock_nanoseconds(CLOCK_REALTIME) - kSecond;
  for (const auto& point : points) rescan(point, since, kMostAfterMove);
}

void FanotifySource::rescan(const std::string& path, std::int64_t since, std::size_t most) {
  if (std::ranges::find(files_, path) != files_.end()) return reporter_.tell_changed(*sink_, *patterns_, path, since);
  if (patterns_->at(path).dead()) return;
  WatchWalk::Visitor visitor;
  visitor.enter = [avoided = avoided_mounts(mounts_, patterns_->bases())](const WatchWalk::Directory& directory) {
    return !avoided.contains(directory.path);
  };
  visitor.entry = [this, since](const WatchWalk::Directory& directory, const char* name, unsigned char) {
    reporter_.tell_changed(*sink_, *patterns_, directory, name, since);
  };
  if (rescans_.size() >= kMostRescans) rescans_.pop_front();
  auto& made = rescans_.emplace_back(std::make_unique<Rescan>(Rescan{{*patterns_, std::move(visitor)}, most}));
  made->walk.add(path);
}

bool FanotifySource::rescan_piece() {
  if (rescans_.empty()) return false;
  auto& first = *rescans_.front();
  const auto piece = std::min(first.left, kRescanPiece);
  first.left -= piece;
  if (!first.walk.go(piece) || first.left == 0) rescans_.pop_front();
  return true;
}

void FanotifySource::lost(EventSink& sink) {
  reporter_.tell_gap(sink);
  // Renames may be among what was lost.
  directories_.for_each([this](Directory& directory) { unignore(directory); });
  directories_.clear();
  rescans_.clear();
  rescan("/", drained_at_ - kClockTick, kMostAfterLoss);
}

Result<bool> FanotifySource::read_more() {
  if (chunks_used_ == kMostChunks) return false;
  if (chunks_used_ == chunks_.size()) chunks_.push_back(std::make_unique<char[]>(kChunk));
  auto* const chunk = chunks_[chunks_used_].get();
  const auto size = ::read(group_.fd.get(), chunk, kChunk);
  if (size < 0 && errno != EAGAIN && errno != EINTR) return system_failure("fanotify");
  if (size <= 0) return false;
  ++chunks_used_;
  anything_ = true;
  processes_.clear();
  std::string_view bytes(chunk, static_cast<std::size_t>(size));
  while (!bytes.empty()) add(TRY(take_fanotify_event(bytes)));
  return true;
}

void FanotifySource::add(FanotifyEvent event) {
  const UniqueFd pidfd(event.pidfd);
  if (event.pid == own_pid_ && (event.mask & FAN_Q_OVERFLOW) == 0) return reporter_.filtered();
  const bool is_plain = (event.mask & (FAN_ONDIR | FAN_RENAME | kMoves | FAN_Q_OVERFLOW)) == 0;
  if (is_plain) {
    // A file that something was done to in another place, by its number of links.
    if (!event.entry) return reporter_.filtered();
    if (directory_renames_ == 0)
      if (auto* directory = directories_.known(event.entry->directory); directory && directory->sights.empty()) {
        if (++directory->hits == kBusy) busy_.push_back(directory->handle);
        return reporter_.filtered();
      }
  }
  Pending pending{event, {event.pid, 0}};
  if (pidfd) {
    // The process was there when its descriptor was made, so nobody else has its pid yet.
    auto& process = processes_.try_emplace(event.pid).first->second;
    if (process.pid == 0) process = process_now(event.pid);
    pending.process = process;
  }
  pending_.push_back(pending);
  note(event);
}

void FanotifySource::note(const FanotifyEvent& event) {
  if ((event.mask & FAN_ONDIR) == 0) return;
  if (event.mask & (FAN_RENAME | kMoves)) ++directory_renames_;
  if (!event.object.empty() && (event.mask & (FAN_RENAME | FAN_DELETE)) != 0)
    leaves_[event.object].push_back(pending_.size() - 1);
}

void FanotifySource::forget_pending() {
  pending_.clear();
  leaves_.clear();
  at_ = 0;
  chunks_used_ = 0;
  if (chunks_.size() > kKeptChunks) chunks_.resize(kKeptChunks);
  directory_renames_ = 0;
  exchanged_.reset();
}

// Where a directory is until the first of the pending events that takes it from there. The kernel joins a removal with
// what happened to the directory before it, so that it may stand too early.
const FanotifyEvent::Entry* FanotifySource::left_from(FileHandle handle) const {
  const auto found = leaves_.find(handle);
  if (found == leaves_.end()) return nullptr;
  const auto first = std::ranges::lower_bound(found->second, at_);
  const auto place = first == found->second.end() ? found->second.back() : *first;
  const auto& event = pending_[place].event;
  if (place < at_ && (event.mask & FAN_DELETE) == 0) return nullptr;
  return event.from ? &*event.from : event.entry ? &*event.entry : nullptr;
}

Directories::Directory* FanotifySource::locate_in(FileHandle parent, std::string_view name, FileHandle handle,
                                                  std::size_t depth) {
  const auto* directory = locate(parent, depth + 1);
  if (directory == nullptr) return nullptr;
  return &directories_.remember(handle, entry_path(directory->inner, name));
}

// The directory as it was at the event that is told now.
Directories::Directory* FanotifySource::locate(FileHandle handle, std::size_t depth) {
  if (auto* directory = directories_.known(handle)) return directory;
  if (depth > kDeepest || directories_.filesystem(filesystem_of(handle)) == nullptr) return nullptr;
  if (const auto* left = left_from(handle)) return locate_in(left->directory, left->name, handle, depth);
  const auto parent = directories_.ask_parent(handle);
  const auto path = parent ? std::nullopt : directories_.ask(handle);
  // It may have been renamed or removed since the queue was read, which the queue tells by now; or, of a removal, in a
  // moment: the directory is gone before that is queued (vfs_rmdir() of fs/namei.c).
  for (;;) {
    [[maybe_unused]] const auto read = read_more();
    if (const auto* left = left_from(handle)) return locate_in(left->directory, left->name, handle, depth);
    if (parent) return locate_in(parent->handle, parent->name, handle, depth);
    if (path) return &directories_.remember(handle, *path);
    if (removal_tries_ == 0) return nullptr;
    --removal_tries_;
    std::this_thread::sleep_for(kRemovalTry);
  }
}

bool FanotifySource::tell(EventSink& sink, const Pending& pending, Directory& directory, std::string_view name,
                          FileEvent& event) {
  bool told = false;
  WatchPatterns::Categories categories;
  event.actor.process = pending.process;
  for (const auto& sight : directory.sights) {
    if (name.empty())
      categories = sight.self;
    else
      patterns_->match(sight.place, name, categories);
    if (categories.empty()) continue;
    const bool access = event.action == FileAction::opened || event.action == FileAction::accessed;
    if (access && std::ranges::none_of(categories, [&](auto category) { return watched_[category].accesses; }))
      continue;
    if (access && !reporter_.wanted(event.action, categories)) continue;
    const auto path = entry_path(sight.path, name);
    event.path = path;
    event.mount_id = static_cast<std::uint64_t>(sight.mount);
    reporter_.tell(sink, event, categories);
    told = true;
  }
  return told;
}

void FanotifySource::process_entry(EventSink& sink, Pending& pending, Directory& directory) {
  const auto& event = pending.event;
  const auto name = event.entry->name;
  const bool is_directory = (event.mask & FAN_ONDIR) != 0;
  if (directory.sights.empty()) {
    if (++directory.hits == kBusy) busy_.push_back(directory.handle);
    return reporter_.filtered();
  }
  struct Step {
    std::uint64_t bits;
    FileAction action;
  };
  constexpr std::array<Step, 6> kSteps = {{{FAN_CREATE, FileAction::created},
                                           {FAN_OPEN, FileAction::opened},
                                           {FAN_ACCESS, FileAction::accessed},
                                           {kWrites, FileAction::updated},
                                           {FAN_ATTRIB, FileAction::attributes_modified},
                                           {FAN_DELETE, FileAction::deleted}}};
  // A directory's being read by whoever walks is no access to a file.
  const auto bits =
      event.mask & (kChanges | kAccesses) & ~std::uint64_t{FAN_ONDIR} & (is_directory ? ~kAccesses : ~0ULL);
  WatchPatterns::Categories categories;
  bool is_wanted = false;
  for (const auto& sight : directory.sights) {
    if (name.empty())
      is_wanted = is_wanted || !sight.self.empty();
    else
      patterns_->match(sight.place, name, categories);
    is_wanted = is_wanted || !categories.empty();
  }
  if (!is_wanted) {
    // A directory of which nothing but some names is wanted may be busy as well.
    const bool leads_only = std::ranges::none_of(
        directory.sights, [&](const auto& sight) { return patterns_->wants_entries(sight.place); });
    if (leads_only && ++directory.hits == kBusy) busy_.push_back(directory.handle);
    return reporter_.filtered();
  }
  FileState state;
  if (const int fd = directories_.open(directory); fd >= 0) state = file_state(fd, event.entry->c_name());
  bool told = false;
  const auto tell_step = [&](FileAction action) {
    FileEvent row;
    row.action = action;
    row.coalesced = std::popcount(bits) > 1;
    if (action != FileAction::deleted) row.file = state;
    told = tell(sink, pending, directory, name, row) || told;
  };
  // Joined by the kernel: what is there was made after what was removed.
  const bool remade = (bits & FAN_CREATE) != 0 && (bits & FAN_DELETE) != 0 && state.inode.has_value();
  if (remade) tell_step(FileAction::deleted);
  for (const auto& step : kSteps)
    if ((bits & step.bits) != 0 && !(remade && step.action == FileAction::deleted)) tell_step(step.action);
  if (!told) reporter_.filtered();
}

// Before Linux 5.17 a rename is two events, one behind the other, each joined with what else happened under its name.
void FanotifySource::process_moves(EventSink& sink, Pending& pending) {
  const auto& event = pending.event;
  const auto each = [&](auto&& step) {
    if (auto* directory = locate(event.entry->directory)) step(*directory);
  };
  if (event.mask & FAN_MOVED_TO) each([&](Directory& directory) { process_move(sink, pending, directory, false); });
  if (event.mask & (kChanges | kAccesses) & ~std::uint64_t{FAN_ONDIR})
    each([&](Directory& directory) { process_entry(sink, pending, directory); });
  if (event.mask & FAN_MOVED_FROM) each([&](Directory& directory) { process_move(sink, pending, directory, true); });
}

void FanotifySource::process_move(EventSink& sink, Pending& pending, Directory& directory, bool from) {
  const auto& event = pending.event;
  if (from || !moving_) moving_.emplace(++transaction_, std::string());
  FileEvent row;
  row.action = from ? FileAction::moved_from : FileAction::moved_to;
  row.transaction = moving_->first;
  const auto old_path = moving_->second;
  row.old_path = old_path;
  if (from && !directory.sights.empty()) moving_->second = entry_path(directory.sights.front().path, event.entry->name);
  if (!from) {
    if (const int fd = directories_.open(directory); fd >= 0) row.file = file_state(fd, event.entry->c_name());
    moving_.reset();
  }
  if (!tell(sink, pending, directory, event.entry->name, row)) reporter_.filtered();
  // Which directory it was is not said.
  if ((event.mask & FAN_ONDIR) != 0) {
    directories_.for_each([this](Directory& one) { unignore(one); });
    directories_.clear();
  }
}

void FanotifySource::process_rename(EventSink& sink, Pending& pending) {
  const auto event = pending.event;
  auto* from = locate(event.from->directory);
  auto* to = locate(event.to->directory);
  if (from == nullptr || to == nullptr) {
    reporter_.dropped("lookup", "a directory was gone before it was looked at", 1, true);
    return;
  }
  std::string old_path;
  if (!from->sights.empty()) {
    old_path = entry_path(from->sights.front().path, event.from->name);
  } else if (const auto* marked = directories_.filesystem(filesystem_of(from->handle)); !marked->views.empty()) {
    for (const auto& view : marked->views)
      if (old_path.empty() && lies_below(from->inner, view.root))
        old_path = entry_path((view.point == "/" ? "" : view.point) +
                                  (view.root == "/" ? from->inner : from->inner.substr(view.root.size())),
                              event.from->name);
  }
  const auto transaction = ++transaction_;
  FileEvent row;
  row.action = FileAction::moved_from;
  row.transaction = transaction;
  bool told = tell(sink, pending, *from, event.from->name, row);
  row = {};
  row.action = FileAction::moved_to;
  row.transaction = transaction;
  row.old_path = old_path;
  if (!to->sights.empty())
    if (const int fd = directories_.open(*to); fd >= 0) row.file = file_state(fd, event.to->c_name());
  told = tell(sink, pending, *to, event.to->name, row) || told;
  if (!told) reporter_.filtered();
  if ((event.mask & FAN_ONDIR) != 0) follow_rename(event, *from, *to);
}

void FanotifySource::follow_rename(const FanotifyEvent& event, const Directory& from, Directory& to) {
  const auto filesystem = filesystem_of(event.from->directory);
  const auto old_inner = entry_path(from.inner, event.from->name);
  const auto new_inner = entry_path(to.inner, event.to->name);
  const bool live = !to.sights.empty();
  // What came from where nothing is of interest may have gone unheard.
  std::vector<std::string> unheard;
  const auto changed = [&](Directory& directory) {
    if (!directory.ignored) return;
    unignore(directory);
    for (const auto& sight : directory.sights) unheard.push_back(sight.path);
  };
  if (exchanged_ != at_ - 1) {
    // Two that change places are told as two renames: both are to be done at once.
    if (at_ == pending_.size()) [[maybe_unused]]
      const auto read = read_more();
    const auto* next = at_ < pending_.size() ? &pending_[at_].event : nullptr;
    const auto is = [](const std::optional<FanotifyEvent::Entry>& one, const FanotifyEvent::Entry& other) {
      return one && one->directory == other.directory && one->name == other.name;
    };
    if (next != nullptr && is(next->from, *event.to) && is(next->to, *event.from) && next->object != event.object) {
      const std::string aside = "/\x01";
      exchanged_ = at_;
      directories_.renamed(filesystem, old_inner, aside, changed);
      directories_.renamed(filesystem, new_inner, old_inner, changed);
      directories_.renamed(filesystem, aside, new_inner, changed);
    } else {
      directories_.renamed(filesystem, old_inner, new_inner, changed);
    }
  }
  if (live && !event.object.empty()) directories_.remember(event.object, new_inner);
  for (const auto& path : unheard) rescan(path, drained_at_ - kClockTick, kMostAfterMove);
}

void FanotifySource::process(EventSink& sink, Pending& pending) {
  const auto& event = pending.event;
  if (event.mask & FAN_Q_OVERFLOW) {
    reporter_.dropped("kernel queue", "fs.fanotify.max_queued_events", 1, false);
    return lost(sink);
  }
  if (event.from && event.to) return process_rename(sink, pending);
  if (!event.entry) return reporter_.filtered();
  auto* directory = locate(event.entry->directory);
  if (directory == nullptr) {
    reporter_.dropped("lookup", "a directory was gone before it was looked at", 1, true);
    return;
  }
  if (event.mask & kMoves) return process_moves(sink, pending);
  moving_.reset();
  const auto inner = directory->inner;
  const bool live = !directory->sights.empty();
  const auto copy = event;
  process_entry(sink, pending, *directory);
  const bool is_new = (copy.mask & (FAN_ONDIR | FAN_CREATE)) == (FAN_ONDIR | FAN_CREATE);
  if (live && is_new && !copy.object.empty()) directories_.remember(copy.object, entry_path(inner, copy.entry->name));
}

void FanotifySource::ignore_busy() {
  for (const auto& handle : busy_) {
    auto* directory = directories_.known(handle);
    if (directory == nullptr || directory->ignored || !can_ignore_ || ignored_ >= kMostIgnored) continue;
    const auto fd = directories_.open_handle(handle, O_PATH);
    if (!fd) continue;
    const unsigned how = FAN_MARK_ADD | FAN_MARK_IGNORE_SURV | FAN_MARK_EVICTABLE;
    if (::fanotify_mark(group_.fd.get(), how, kIgnored, fd.get(), ".") == 0) {
      directory->ignored = true;
      ++ignored_;
    } else if (errno == EINVAL) {
      can_ignore_ = false;  // before Linux 6.0
    }
  }
  busy_.clear();
}

void FanotifySource::unignore(Directory& directory) {
  directory.hits = 0;
  if (!directory.ignored) return;
  directory.ignored = false;
  --ignored_;
  if (const auto fd = directories_.open_handle(directory.handle, O_PATH); fd)
    ::fanotify_mark(group_.fd.get(), FAN_MARK_REMOVE | FAN_MARK_IGNORE_SURV, kIgnored, fd.get(), ".");
}

Result<bool> FanotifySource::let_go_of_too_many(EventSink& sink) {
  int bytes = 0;
  if (::ioctl(group_.fd.get(), FIONREAD, &bytes) != 0) return false;
  if (static_cast<std::size_t>(bytes) / FAN_EVENT_METADATA_LEN <= options_.most_queued) return false;
  std::uint64_t gone = pending_.size() - at_;
  forget_pending();
  if (chunks_.empty()) chunks_.push_back(std::make_unique<char[]>(kChunk));
  for (;;) {
    const auto size = ::read(group_.fd.get(), chunks_.front().get(), kChunk);
    if (size <= 0) break;
    std::string_view events(chunks_.front().get(), static_cast<std::size_t>(size));
    while (!events.empty()) {
      const auto event = TRY(take_fanotify_event(events));
      const UniqueFd pidfd(event.pidfd);
      ++gone;
    }
    if (gone > 4 * options_.most_queued) break;
  }
  reporter_.dropped("queue", "events came faster than they were read", gone, true);
  lost(sink);
  return true;
}

Result<bool> FanotifySource::next(EventSink& sink, std::size_t most) {
  sink_ = &sink;
  removal_tries_ = kRemovalTries;
  poll_.begin();
  if (mount_watch_.changed()) mounts_changed();
  TRY(let_go_of_too_many(sink));
  const auto before = reporter_.kept();
  for (;;) {
    if (at_ == pending_.size()) {
      forget_pending();
      if (!TRY(read_more())) break;
      continue;
    }
    if (reporter_.kept() - before >= most) return true;
    // Events may be added behind it while it is told.
    auto pending = pending_[at_++];
    process(sink, pending);
  }
  ignore_busy();
  if (rescan_piece()) return true;
  drained_at_ = clock_nanoseconds(CLOCK_REALTIME);
  for (auto* others : {&marked_, &unmarked_}) {
    if (!others->tree.is_open()) continue;
    const auto told = others->reporter.kept();
    const auto more = TRY(others->tree.next(sink, most));
    if (more) return true;
    anything_ = anything_ || others->reporter.kept() != told;
  }
  poll_.end(std::exchange(anything_, false));
  return false;
}

SourceCounts FanotifySource::counts() const {
  auto counts = reporter_.counts();
  auto others = inotify_reporter_.counts();
  counts.kept += others.kept;
  counts.filtered = counts.filtered.value_or(0) + others.filtered.value_or(0);
  counts.dropped.insert(counts.dropped.end(), others.dropped.begin(), others.dropped.end());
  return counts;
}

void FanotifySource::close() noexcept {
  stop(marked_);
  stop(unmarked_);
  poll_.close();
  mount_watch_.close();
  rescans_.clear();
  forget_pending();
  chunks_.clear();
  busy_.clear();
  directories_.for_each([](Directory& directory) { directory.ignored = false; });
  ignored_ = 0;
  directories_.clear();
  directories_.filesystems().clear();
  mask_ = 0;
  group_.fd.reset();
}

}  // namespace

std::unique_ptr<Source> fanotify_source(const FanotifyOptions& options) {
  return std::make_unique<FanotifySource>(options);
}

Result<void> fanotify_works() {
  TRY(group_of({}));
  return {};
}

}  // namespace osprey::events
