// WorkerPool: threads that run jobs in the order in which they came.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace osprey::server::http {

// Thread-safe.
class WorkerPool {
 public:
  using Job = std::move_only_function<void()>;

  // At most `waiting` jobs wait that came by try_post. A job must not throw.
  WorkerPool(unsigned threads, std::size_t waiting);
  ~WorkerPool() { stop(); }

  // False, with `job` untouched: too many wait.
  bool try_post(Job& job);
  // For what must run; whoever posts bounds it himself. After stop() it is destroyed instead.
  void post(Job job);
  std::size_t waiting() const;
  // Destroys the jobs that wait and joins those that run. Not from a job.
  void stop();

 private:
  void run();

  const std::size_t limit_;
  mutable std::mutex mutex_;
  std::condition_variable more_;
  std::deque<Job> jobs_;
  bool stopped_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace osprey::server::http
