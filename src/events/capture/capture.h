// Capture: which source tells of what, and the way from there into the journal, on a thread of its own.
//
// Each kind that is wanted is asked of the best source that can tell of it: the first in the order given. One that the
// kernel refuses, or that fails while it runs, hands its kinds on to the next, and is tried again after a while.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/root.h"
#include "base/unique_fd.h"
#include "events/authentication/logins.h"
#include "events/capture/batch.h"
#include "events/capture/pressure.h"
#include "events/enrich/enricher.h"
#include "events/enrich/file_hasher.h"
#include "events/enrich/process_tree.h"
#include "events/journal/age_clock.h"
#include "events/journal/journal.h"
#include "events/source.h"

namespace osprey::events {

// What became of a source (osquery_events).
struct SourceReport {
  Origin origin = Origin::bpf;
  Kinds kinds;         // what it tells of now
  std::string reason;  // why it is used, or why not
  std::uint64_t openings = 0;
  SourceCounts counts;
  std::vector<PushedFilter> filters;  // of those that are in force
};

struct CaptureParts {
  Journal& journal;
  std::vector<std::unique_ptr<Source>> sources;  // better ones first
  Root root = Root::host();                      // whose processes, containers and users events are about
  Enricher::Options enrichment = {};
  std::vector<FileHasher::Options> hashing;  // a thread each
  // On that thread, of each such event that is journaled: it must not wait.
  std::function<void(const FileEvent&)> saw_file = [](const auto&) {};
  // Done first on the thread that all sources run on: giving away the capabilities that no source needs.
  std::function<void()> begin = [] {};
  // Asked every round: nothing is to be captured, whatever is demanded. `halted` is told once that is so.
  std::function<bool()> halt = [] { return false; };
  std::function<void()> halted = [] {};
  // On that thread: what an administrator should read.
  std::function<void(const std::string&)> tell = [](const auto&) {};
  std::function<void(const std::string&)> warn = [](const auto&) {};
  // On that thread, every round: what the sources have told is in the journal, but for what waits for a digest or for
  // the log to say more of it, or it has been counted as lost.
  std::function<void()> committed = [] {};
  // On that thread: events of a source, or of the journal, that were lost since this was called last.
  std::function<void(std::string_view who, const SourceCounts::Drop& drop)> lost = [](auto, const auto&) {};
  // After which sources are read; where nothing happens, four times it.
  std::chrono::milliseconds round = std::chrono::milliseconds(100);
  std::chrono::seconds retry = std::chrono::minutes(5);  // of a source that failed
};

// Thread-safe.
class Capture {
 public:
  // Nothing is captured before demand().
  explicit Capture(CaptureParts parts);
  ~Capture();  // closes all sources
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  // From now on this is captured, and nothing else.
  void demand(Demand demand);
  // Rows older than this many seconds go; by kind, 0: never.
  void expire_after(const std::array<std::uint64_t, kKinds>& seconds);
  // What is given up when it costs too much; at first nothing.
  void limit(PressureOptions options);
  // Lets go of everything in the kernel, for good.
  void stop();
  // Waits until what the sources had when it was called is in the journal.
  void flush();
  // Runs a job between two rounds on the thread of the sources, which has their capabilities, and waits for it; not at
  // all once it has stopped.
  void run_there(const std::function<void()>& job);

  std::vector<SourceReport> sources() const;
  // Those in force; null: none.
  std::shared_ptr<const Filters> filters() const;
  // For who asks after a process's ancestors.
  ProcessTree& processes() noexcept { return processes_; }
  // Rows that went into the journal since the start, by kind.
  std::array<std::uint64_t, kKinds> journaled() const;

 private:
  class Intake;
  struct Place {
    std::unique_ptr<Source> source;
    bool tells_log = false, tells_records = false;  // lines of the log, audit's UserEvents
    std::optional<Demand> open;                     // with what it is open
    std::optional<std::chrono::steady_clock::time_point> retry;
    std::string reason;
    std::uint64_t openings = 0;
    std::atomic<std::uint64_t> made = 0;                                // events, of those that it told
    std::atomic<std::uint64_t> discarded = 0;                           // events that no table wants
    std::array<std::atomic<std::uint64_t>, kKinds> shed{};              // events that were given up, by kind
    std::map<std::pair<std::string, std::string>, std::uint64_t> told;  // drops, by stage and reason
  };

  void run();
  void wait(std::chrono::milliseconds time);
  void run_errands();
  // Opens, changes and closes sources so that `wanted_` is captured.
  void assign();
  bool try_open(Place& place, const Demand& demand);
  void fail(Place& place, const Error& error);
  void close(Place& place, const std::string& why);
  // True: there is more.
  bool drain();
  bool drain(Place& place, bool hold);
  void take_hashed();
  void take_logins(std::uint64_t now);
  void commit(Batch& batch);
  void commit_round();
  SourceCounts counts_of(const Place& place) const;
  void feel_pressure();
  void tell_losses();
  void drop_old();
  void publish();

  CaptureParts parts_;
  ProcessTree processes_;
  std::deque<FileHasher> hashers_;
  Enricher enricher_;    // of the thread
  Logins logins_;        // likewise
  bool seeded_ = false;  // likewise
  UniqueFd wake_;
  std::deque<Place> places_;                // of the thread, but for the sources' counts and what is discarded
  Demand wanted_;                           // of the thread
  Kinds unserved_;                          // of what is wanted; likewise
  bool halted_ = false;                     // likewise
  bool reassign_ = false;                   // a source has failed; likewise
  Place* tree_ = nullptr;                   // who tells of starts and ends of processes; likewise
  Pressure pressure_{{}};                   // likewise
  PressureGauge gauge_;                     // likewise
  AgeClock ages_;                           // likewise
  std::atomic<std::uint64_t> unasked_ = 0;  // kinds, a bit each, that were once given up without being counted
  std::unique_ptr<Intake> intake_;
  std::chrono::steady_clock::time_point next_chores_;
  bool journal_failed_ = false;  // and that has been told

  mutable std::mutex mutex_;
  std::condition_variable flushed_;
  std::optional<Demand> demanded_;
  std::array<std::uint64_t, kKinds> expiry_{};
  std::optional<PressureOptions> limited_;
  std::vector<SourceReport> reports_;  // without counts
  std::shared_ptr<const Filters> filters_;
  std::array<std::uint64_t, kKinds> journaled_{};
  struct Errand {
    const std::function<void()>& job;
    bool over = false;
  };
  std::vector<Errand*> errands_;    // of those who wait for them
  bool ended_ = false;              // the thread takes no more of them
  std::uint64_t rounds_ = 0;        // done
  std::uint64_t asked_rounds_ = 0;  // that somebody waits for
  bool stopping_ = false;

  std::thread thread_;
};

}  // namespace osprey::events
