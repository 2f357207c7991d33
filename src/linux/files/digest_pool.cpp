#include "linux/files/digest_pool.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>

namespace osprey::linux {
namespace {

// A change within the clock's tick of the last one may not show in the times of a file: one that changed just now is
// not remembered.
bool settled(const FileVersion& file) {
  timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);
  const auto second_ago = (now.tv_sec - 1) * 1'000'000'000 + now.tv_nsec;
  return std::max(file.changed_ns, file.modified_ns) < second_ago;
}

}  // namespace

DigestPool::~DigestPool() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = ended_ = true;
    queue_.clear();
  }
  waiting_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void DigestPool::start(const std::shared_ptr<Job>& job) {
  {
    const std::lock_guard lock(mutex_);
    if (job->state_ != Job::State::idle) return;
    job->state_ = Job::State::started;
    queue_.push_back(job);
  }
  if (threads_.size() < kThreads) threads_.emplace_back([this] { work(); });
  waiting_.notify_one();
}

const Result<FileDigests>& DigestPool::finish(const std::shared_ptr<Job>& job) {
  start(job);
  std::unique_lock lock(mutex_);
  while (job->state_ != Job::State::done) {
    done_.wait_for(lock, std::chrono::milliseconds(20));
    if (interrupt_.requested()) stop_ = true;
  }
  return job->result_;
}

void DigestPool::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    waiting_.wait(lock, [this] { return ended_ || !queue_.empty(); });
    if (queue_.empty()) return;
    const auto job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    auto result = compute(job->path());
    lock.lock();
    job->result_ = std::move(result);
    job->state_ = Job::State::done;
    done_.notify_all();
  }
}

Result<FileDigests> DigestPool::compute(const std::string& path) const {
  if (stop_ || (budget_ && !budget_->open([this] { return stop_.load(); }))) return system_failure(ECANCELED, path);
  const auto file = TRY(root_.open(path));
  struct stat before;
  if (::fstat(file.get(), &before) != 0) return system_failure(path);
  const auto version = version_of(before);
  if (cache_)
    if (auto known = cache_->find(version, kinds_)) return FileDigests{std::move(*known), true};
  auto digests = TRY(digest_file(file.get(), kinds_, stop_, path, budget_));
  struct stat after;
  if (cache_ && ::fstat(file.get(), &after) == 0 && version_of(after) == version && settled(version))
    cache_->insert(version, digests);
  return FileDigests{std::move(digests), false};
}

}  // namespace osprey::linux
