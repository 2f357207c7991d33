// ExecutableHasher: digests of programs that start, computed beside the capture: where a file lies may be slow, or
// hang.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "base/root.h"
#include "base/unique_fd.h"
#include "events/kinds/process_event.h"
#include "linux/files/digest_cache.h"
#include "linux/files/io_budget.h"

namespace osprey::events {

// Of one thread, which hands execs over and gets them back in the order in which it did.
class ExecutableHasher {
 public:
  using Clock = std::chrono::steady_clock;
  struct Options {
    Root root = Root::host();
    linux::DigestCache* digests = nullptr;  // it and the budget are needed
    linux::IoBudget* budget = nullptr;      // what it does not give at once is not read
    std::int64_t largest = 64 << 20;        // bytes; larger files are not read
    std::size_t most = 4096;                // execs that wait
    std::chrono::milliseconds patience{2000};
    // Asked instead of linux::digest_file().
    std::function<Result<linux::Digests>(int file, std::string_view path)> digest = {};
  };
  explicit ExecutableHasher(Options options);
  ~ExecutableHasher();
  ExecutableHasher(const ExecutableHasher&) = delete;
  ExecutableHasher& operator=(const ExecutableHasher&) = delete;

  // True: the event is an exec; it will come back, and need not be kept.
  bool take(ProcessEvent& event);
  // Those that are done, and those that have waited too long, without a digest. What they say is valid within the call.
  void finished(Clock::time_point now, const std::function<void(ProcessEvent&)>& use);
  // Readable when there are some that are done.
  int descriptor() const noexcept;
  // For good: waits for those that were taken, but no longer than `time`. All are finished then.
  void finish(std::chrono::milliseconds time);

  struct Counts {
    std::uint64_t hashed = 0;    // digests that were computed
    std::uint64_t unhashed = 0;  // execs without: gone, too large, too slow, more than the budget gives
  };
  Counts counts() const;

 private:
  struct Waiting {
    std::uint64_t number;
    Clock::time_point until;
    std::string record;  // the event, encoded
  };
  struct Shared;  // with the thread, which may hang in a file for longer than this lives
  static void work(const std::shared_ptr<Shared>& shared);

  const Options options_;
  const std::shared_ptr<Shared> shared_;
  std::deque<Waiting> waiting_;
  std::uint64_t taken_ = 0;
  std::uint64_t unhashed_ = 0;
  bool stopped_ = false;
  std::thread thread_;  // starts with the first exec
};

}  // namespace osprey::events
