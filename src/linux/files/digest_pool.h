// Digests computed ahead of the reader by a few threads, handed out in the order they were asked for.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/interrupt.h"
#include "base/root.h"
#include "linux/files/digest_cache.h"

namespace osprey::linux {

struct FileDigests {
  Digests digests;
  bool cached = false;  // nothing was read: the cache knew them
};

// Belongs to one thread; its workers start with the first jobs and end with the pool. Memory: a buffer a worker.
class DigestPool {
 public:
  static constexpr unsigned kThreads = 2;

  // One file's digests, perhaps still to come.
  class Job {
   public:
    explicit Job(std::string path) : path_(std::move(path)) {}
    const std::string& path() const noexcept { return path_; }

   private:
    friend class DigestPool;
    enum class State { idle, started, done };
    const std::string path_;
    State state_ = State::idle;  // under the pool's mutex
    Result<FileDigests> result_ = FileDigests{};
  };

  // `cache` and `budget` may be null. `interrupt` is asked by the thread that waits only.
  DigestPool(Root root, DigestSet kinds, DigestCache* cache, IoBudget* budget, const Interrupt& interrupt)
      : root_(std::move(root)), kinds_(kinds), cache_(cache), budget_(budget), interrupt_(interrupt) {}
  ~DigestPool();
  DigestPool(const DigestPool&) = delete;
  DigestPool& operator=(const DigestPool&) = delete;

  // Has a job done by a worker.
  void start(const std::shared_ptr<Job>& job);
  // Waits for a job, which need not have been started. An interrupt ends all of them with ECANCELED.
  const Result<FileDigests>& finish(const std::shared_ptr<Job>& job);
  const Result<FileDigests>& finish(std::shared_ptr<Job>&& job) = delete;  // the result lives in the job

 private:
  void work();
  Result<FileDigests> compute(const std::string& path) const;

  const Root root_;
  const DigestSet kinds_;
  DigestCache* const cache_;
  IoBudget* const budget_;
  const Interrupt& interrupt_;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  bool ended_ = false;
  std::condition_variable waiting_;  // a job came, or the end
  std::condition_variable done_;
  std::deque<std::shared_ptr<Job>> queue_;
  std::vector<std::thread> threads_;
};

}  // namespace osprey::linux
