// ProcessTree: which process was started by which, and what each ran when; also of those that are gone.
//
// Told of forks, execs and exits in whatever order they become known: what belongs to an earlier moment takes its
// place, and those who were forked in between have it too. Bounded: processes that ended are forgotten after an hour,
// or when the room is needed, those first that nobody who is left descends from.
//
// One thread tells it and asks find() and ancestors(); any thread may ask the rest.
#pragma once

#include <sys/types.h>

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "events/enrich/text_pool.h"
#include "events/kinds/actor.h"

namespace osprey::events {

class ProcessTree {
 public:
  struct Limits {
    std::size_t bytes = 8 << 20;
    std::uint64_t keep = 3600ULL * 1'000'000'000;  // nanoseconds that one is kept after its end
  };
  // Start times are compared as exactly as both are known: /proc counts them in ticks of 10 ms.
  static constexpr std::uint64_t kTick = 10'000'000;
  // Of a command line no more is kept.
  static constexpr std::size_t kCommandLine = 4096;
  // No more ancestors than so many are told, the nearest ones.
  static constexpr std::size_t kAncestors = 64;

  ProcessTree();
  explicit ProcessTree(const Limits& limits);
  ProcessTree(const ProcessTree&) = delete;
  ProcessTree& operator=(const ProcessTree&) = delete;
  ~ProcessTree();

  // Telling. Moments are nanoseconds since boot; 0: just now. A process whose start is not known (0) is the newest with
  // its pid that was there at the moment; where there is none, a new one, with the moment for a start.

  // Found there at `moment`: from /proc, from a task iterator. Its parent may be who has adopted it.
  void add(const Actor& process, std::uint64_t moment);
  void fork(const ProcessKey& parent, const ProcessKey& child);
  // It runs another program: `process` is what it is from then on; what is empty in it has not changed, but for name,
  // path and command line.
  void exec(const Actor& process, std::uint64_t moment);
  // The ids that `process` has are those from then on.
  void change_ids(const Actor& process, std::uint64_t moment);
  void exit(const ProcessKey& process, std::uint64_t moment);
  // `pids`, in ascending order, are all that are alive at `moment`: of the others the ends were not told.
  void reap(std::span<const pid_t> pids, std::uint64_t moment);

  // What is known of a process at a moment. Texts are valid until the tree is told something. `parent` is who started
  // it, as far as that was seen.
  struct Known {
    ProcessKey process, parent;
    bool has_image = false;  // the fields below
    std::string_view name, path, cmdline, tty, cgroup_path;
    Credentials ids;
    std::uint32_t place = 0;  // the tree's own
  };
  std::optional<Known> find(const ProcessKey& process, std::uint64_t moment) const;
  // As find(); of a pid alone also who had it last and ended up to `late` nanoseconds before `moment`.
  std::optional<Known> find_late(const ProcessKey& process, std::uint64_t moment, std::uint64_t late) const;
  // Pids from the parent on upwards.
  void ancestors(const Known& process, std::vector<std::int64_t>& pids) const;

  struct Relative {
    ProcessKey process;
    std::string name, path, cmdline;
    std::optional<std::uint32_t> uid;
    bool exited = false;
    bool reparented = false;  // the one below has outlived it and is somebody else's child now
  };
  // The process and its ancestors, from itself on upwards; empty: it is not known. Start 0: the newest with the pid.
  std::vector<Relative> lineage(const ProcessKey& process) const;

  struct Usage {
    std::size_t processes = 0;  // those that ended among them
    std::size_t exited = 0;
    std::size_t bytes = 0;
    std::uint64_t forgotten = 0;  // before their time, for room
    std::uint64_t cut = 0;        // of those, how many had descendants that are still known
    std::uint64_t refused = 0;    // not taken, or without what they ran: all that is here is alive
  };
  Usage usage() const;

 private:
  using Place = std::uint32_t;
  static constexpr Place kNone = UINT32_MAX;
  using Text = TextPool::Text;

  // What a process is from a moment on, shared by those that it forks.
  struct Image {
    std::uint64_t moment = 0;
    Image* before = nullptr;  // of the same process
    std::uint32_t uses = 1;
    bool ids_only = false;  // the rest is what it was before
    Text* name = nullptr;
    Text* path = nullptr;
    Text* cmdline = nullptr;
    Text* tty = nullptr;
    Text* cgroup = nullptr;
    Text* ids = nullptr;
  };
  struct Node {
    std::uint64_t start = 0;
    std::uint64_t exited = 0;  // moment; 0: alive
    Image* image = nullptr;    // the newest of its own
    Image* base = nullptr;     // what its parent ran when it was forked
    std::uint32_t pid = 0;
    Place parent = kNone;
    Place first_child = kNone;  // children are in descending order of their start
    Place next_child = kNone, previous_child = kNone;
    Place older = kNone;  // the one that had the pid before
    Place next_exited = kNone, previous_exited = kNone;
    std::uint8_t own = 0;    // how many it had of its own, as far as they are counted
    bool certain = false;    // the parent was told by a fork
    bool estimated = false;  // `start` is when it was first heard of
    bool held = false;       // in `held_`
  };
  static constexpr std::size_t kNodeBytes = sizeof(Node) + 16;  // with its place in the index of pids
  struct List {
    Place first = kNone, last = kNone;
  };

  std::uint64_t at(std::uint64_t moment) noexcept;
  static std::size_t image_bytes(const Actor& process) noexcept;
  bool reserve(std::size_t size) noexcept;
  static bool is(const Node& node, const ProcessKey& key) noexcept;
  static std::uint64_t forked(const Node& node) noexcept;
  Place locate(const ProcessKey& key, std::uint64_t moment) const noexcept;
  Place obtain(const ProcessKey& key, std::uint64_t moment);
  void correct(Place place, std::uint64_t start) noexcept;
  Place make(const ProcessKey& key, std::uint64_t moment);
  void set_parent(Place child, Place parent, bool certain);
  bool is_ancestor(Place ancestor, Place of) const noexcept;
  void attach(Place child, Place parent, Place behind) noexcept;
  void detach(Place child) noexcept;

  static const Image* image_at(const Node& node, std::uint64_t moment) noexcept;
  static Image* inherited(const Node& node, std::uint64_t moment) noexcept;
  Image* draw(const Actor& process, std::uint64_t moment, const Image* base, bool ids_only);
  void put(Place place, const Actor& process, std::uint64_t moment, bool ids_only);
  void lose_image(const ProcessKey& process, std::uint64_t moment) noexcept;
  void hand_down(Place place, std::uint64_t moment);
  void replace(Image*& held, Image* by) noexcept;
  void drop(Image* image) noexcept;
  void shorten(Image* image) noexcept;

  void set_exited(Place place, std::uint64_t moment) noexcept;
  void revive(Place place) noexcept;
  void push(List& list, Place place) noexcept;
  void unlink(Place place) noexcept;
  void tidy() noexcept;
  bool make_room() noexcept;
  void forget(Place place) noexcept;
  std::size_t bytes() const noexcept;
  Known known(Place place, const Image* image) const;

  const Limits limits_;
  mutable std::mutex mutex_;  // held while it changes, and by other threads that read
  std::uint64_t latest_ = 0;  // the latest moment heard of
  std::vector<Node> nodes_;
  std::vector<Place> free_;
  boost::unordered_flat_map<std::uint32_t, Place> newest_;  // by pid
  TextPool texts_;
  std::size_t images_ = 0;
  List exited_;  // in the order of their end
  List held_;    // ended as well, and kept for their descendants' sake
  std::size_t exited_count_ = 0;
  std::uint64_t forgotten_ = 0, cut_ = 0, refused_ = 0;
};

}  // namespace osprey::events
