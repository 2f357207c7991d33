#include "server/http/worker_pool.h"

#include <utility>

namespace osprey::server::http {

WorkerPool::WorkerPool(unsigned threads, std::size_t waiting) : limit_(waiting) {
  threads_.reserve(threads);
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

bool WorkerPool::try_post(Job& job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_ || jobs_.size() >= limit_) return false;
    jobs_.push_back(std::move(job));
  }
  more_.notify_one();
  return true;
}

void WorkerPool::post(Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    jobs_.push_back(std::move(job));
  }
  more_.notify_one();
}

std::size_t WorkerPool::waiting() const {
  const std::lock_guard lock(mutex_);
  return jobs_.size();
}

void WorkerPool::stop() {
  std::deque<Job> unwanted;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    unwanted.swap(jobs_);
  }
  more_.notify_all();
  threads_.clear();
}

void WorkerPool::run() {
  for (;;) {
    std::unique_lock lock(mutex_);
    more_.wait(lock, [this] { return stopped_ || !jobs_.empty(); });
    if (stopped_) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
  }
}

}  // namespace osprey::server::http
