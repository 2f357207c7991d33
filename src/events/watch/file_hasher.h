// FileHasher: digests of files that were created or changed, computed beside the capture and not in its way.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/root.h"
#include "base/unique_fd.h"
#include "events/kinds/file_event.h"
#include "linux/files/digest_cache.h"
#include "linux/files/io_budget.h"

namespace osprey::events {

// Events that ask for it (FileEvent::to_hash) are taken over by a thread and come back with their digests, in the order
// in which they were taken. When there are more than it has room for, or the budget does not give for long, they come
// back or are left as they were: hashed is 0.
class FileHasher {
 public:
  struct Options {
    Root root = Root::host();
    linux::DigestCache* digests = nullptr;  // may be null, as may be the budget
    linux::IoBudget* budget = nullptr;
    std::int64_t largest = 50 << 20;  // bytes; of larger files there are no digests
    std::size_t most = 4096;          // events that wait
    bool sha512 = false;
    std::chrono::milliseconds patience{2000};  // with the budget, a file
  };
  explicit FileHasher(Options options);
  ~FileHasher();
  FileHasher(const FileHasher&) = delete;
  FileHasher& operator=(const FileHasher&) = delete;

  // True: it will come back, in full but for what is only valid now; it need not be kept.
  bool take(FileEvent& event);
  // Those that are done; what they say is valid within the call.
  void finished(const std::function<void(FileEvent&)>& use);
  // Readable when there are some.
  int descriptor() const noexcept { return done_event_.get(); }
  // For good: waits for those that were taken, but no longer than `time`; what is not done by then comes back as it
  // was.
  void finish(std::chrono::milliseconds time);

  struct Counts {
    std::uint64_t hashed = 0;
    std::uint64_t failed = 0;
    std::uint64_t too_large = 0;
    std::uint64_t refused = 0;  // no room, or no budget
  };
  Counts counts() const;

 private:
  struct Job {
    std::string record;  // the event, encoded
    std::string path;
    std::uint64_t inode = 0, device = 0;
    linux::Digests digests;
    int hashed = 0;
  };
  void work();
  void hash(Job& job);

  const Options options_;
  linux::DigestSet kinds_;
  UniqueFd done_event_;
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;
  std::condition_variable waiting_, idle_;
  std::deque<Job> jobs_;
  std::vector<Job> done_;
  bool busy_ = false;
  Counts counts_;
  std::thread thread_;  // starts with the first job
};

}  // namespace osprey::events
