// Source: something in the kernel, or beside it, that tells what happens. One folder each below events/.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "events/filters/filter.h"
#include "events/kinds/kinds.h"

namespace osprey::events {

// Takes what sources tell. Belongs to the thread that calls Source::next().
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void take(AnyEvent event) = 0;

  // Processes that come and go, whether or not a table wants to know: for the process tree. As ProcessEvent and
  // ExitEvent above, which reach the tree as well: a source calls these for those that it does not tell of otherwise.
  virtual void forked(const ProcessKey& parent, const ProcessKey& child) = 0;
  virtual void exited(const ProcessKey& process) = 0;
};

// Files that are watched: file_paths of the configuration, a category each.
struct WatchedCategory {
  std::string name;
  std::vector<std::string> patterns;  // osquery's: % within a component, %% for all below
  std::vector<std::string> excluded;
  bool accesses = false;  // opens and reads too
  bool digests = false;   // of what is created or written; not where there are accesses, as hashing is one

  bool operator==(const WatchedCategory&) const = default;
};
inline bool has_accesses(const std::vector<WatchedCategory>& watched) {
  return std::ranges::any_of(watched, &WatchedCategory::accesses);
}

// What is to be captured: nothing else is asked of the kernel.
struct Demand {
  Kinds kinds;
  std::vector<std::string> environment;  // names of variables that an exec event is to have
  std::vector<WatchedCategory> watched;
  bool execs = false;                                // of ProcessEvent
  bool forks = false;                                // likewise
  bool kills = false;                                // likewise
  bool unix_sockets = false;                         // of SocketEvent; audit's options say it for itself
  bool closes = false;                               // likewise: of connections, with what went over them
  std::shared_ptr<const Filters> filters = nullptr;  // what they match need not be told of; null: none

  bool operator==(const Demand&) const = default;
};

// Counters since the source was opened first. seen = kept + filtered + all that was dropped.
struct SourceCounts {
  struct Drop {
    std::string stage;   // the program, the ring, the queue
    std::string reason;  // "ring full", "ENOBUFS", "shed"…
    std::uint64_t count = 0;
    bool exact = true;         // false: at least so many
    std::string worst_cgroup;  // whose most of them were; empty: not known
  };
  std::optional<std::uint64_t> seen;  // empty: the source cannot know
  std::uint64_t kept = 0;             // given to the sink
  std::optional<std::uint64_t> filtered;
  std::vector<Drop> dropped;
  std::optional<std::uint64_t> lag;  // nanoseconds between the newest event and its being read
  std::vector<Drop> partial;         // of what was kept: a part is missing
  std::vector<std::string> missing;  // what the demand asks for and this host refuses, a sentence each
};

// Not thread-safe but for what is said below. What its kernel side holds is given back by close(), also the
// destructor's.
class Source {
 public:
  virtual ~Source() = default;

  virtual Origin origin() const noexcept = 0;
  // The kinds that it could tell of on this host; asked before it is opened.
  virtual Kinds offers() const = 0;
  // The kinds of which it tells what whoever serves them cannot, of categories with accesses.
  virtual Kinds adds() const { return {}; }

  // Begins to capture what of `demand` it offers, or goes on with a changed demand; what both have is not interrupted.
  // An error says what the kernel refused and what to do; the source is then as it was before.
  virtual Result<void> open(const Demand& demand) = 0;
  // Readable (poll(2)) when there is something for next(), or -1: it is to be asked from time to time. Valid while it
  // is open.
  virtual int descriptor() const noexcept = 0;
  // Gives what is there to `sink`, without waiting; returns early once about `most` events have been given, and then
  // says true: there may be more. An error: the source has failed for good and is to be closed.
  virtual Result<bool> next(EventSink& sink, std::size_t most) = 0;
  // Any thread may ask.
  virtual SourceCounts counts() const = 0;
  virtual void close() noexcept = 0;
  // Those of the demand's filters that the kernel was given, or that it has refused. Any thread may ask.
  virtual std::vector<PushedFilter> pushed() const { return {}; }
};

}  // namespace osprey::events
