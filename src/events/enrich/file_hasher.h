// FileHasher: digests of the files that events are about, computed beside the capture: where a file lies may be slow,
// or hang.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string_view>
#include <thread>

#include "base/root.h"
#include "events/journal/held_events.h"
#include "events/kinds/kinds.h"
#include "linux/files/digest_cache.h"
#include "linux/files/io_budget.h"

namespace osprey::events {

// Belongs to one thread, which hands events over and gets them back in the order in which it did: with what their files
// show, or as they were where that was not had in time.
class FileHasher {
 public:
  using Clock = std::chrono::steady_clock;
  struct Options {
    const char* name = "events: digests";      // of its thread, valid for good
    Kinds kinds;                               // that are taken: of FileEvent, ProcessEvent and KernelModuleEvent
    std::int64_t largest = 64 << 20;           // bytes; larger files are not read
    std::chrono::milliseconds patience{2000};  // no event waits for longer
    bool paced = false;                        // waits for the budget; else what it does not give at once is not read
    std::size_t most = 4096;                   // events that wait
    Root root = Root::host();
    std::shared_ptr<linux::DigestCache> digests = nullptr;  // may be null, as may be the budget
    std::shared_ptr<linux::IoBudget> budget = nullptr;
    // Asked instead of linux::digest_file().
    std::function<Result<linux::Digests>(int file, std::string_view path)> digest = {};
  };
  // Of files that were created or changed (FileEvent::to_hash). They come in bursts, which the budget spreads.
  static Options of_changes(std::int64_t largest);
  // Of what runs: kernel modules that are loaded and, if that is asked for, programs that start. Told within seconds,
  // so that they are not to wait behind changes.
  static Options of_code(bool programs);

  explicit FileHasher(Options options);
  ~FileHasher();
  FileHasher(const FileHasher&) = delete;
  FileHasher& operator=(const FileHasher&) = delete;

  // True: it will come back, and need not be kept.
  bool take(AnyEvent event);
  // Those that are done, and those that have waited too long. What they say is valid within the call.
  void finished(Clock::time_point now, const std::function<void(AnyEvent)>& use);
  // Readable when there are some that are done.
  int descriptor() const noexcept;
  // For good: waits for those that were taken, but no longer than until then. All are finished afterwards.
  void finish(Clock::time_point until);

  // From any thread: how many of a source's events were to have digests and have none, by why.
  std::map<std::string_view, std::uint64_t> without(Origin origin) const;

 private:
  struct Waiting {
    std::uint64_t number;
    Clock::time_point until;
    HeldEvents event;
  };
  struct Shared;  // with the thread, which may hang in a file for longer than this lives
  static void work(const std::shared_ptr<Shared>& shared);

  const std::shared_ptr<Shared> shared_;
  std::deque<Waiting> waiting_;
  std::uint64_t taken_ = 0;
  std::thread thread_;  // starts with the first event
};

}  // namespace osprey::events
