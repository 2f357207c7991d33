#include "events/watch/file_hasher.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <optional>
#include <utility>

#include "events/journal/record.h"
#include "linux/sandbox/capabilities.h"

namespace osprey::events {

FileHasher::FileHasher(Options options)
    : options_(std::move(options)), done_event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  using enum linux::DigestKind;
  kinds_ = {md5, sha1, sha256};
  if (options_.sha512) kinds_.add(sha512);
}

FileHasher::~FileHasher() { finish(std::chrono::milliseconds(0)); }

bool FileHasher::take(FileEvent& event) {
  if (!event.to_hash || !event.file.inode) return false;
  const std::lock_guard lock(mutex_);
  if (event.file.size.value_or(0) > options_.largest) {
    ++counts_.too_large;
    return false;
  }
  if (stop_ || jobs_.size() + done_.size() >= options_.most) {
    ++counts_.refused;
    return false;
  }
  auto& job = jobs_.emplace_back();
  encode(event, job.record);
  job.path = event.path;
  job.inode = *event.file.inode;
  job.device = event.file.device.value_or(0);
  if (!thread_.joinable())
    thread_ =
        linux::thread_with_only(std::array{CAP_DAC_READ_SEARCH, CAP_FOWNER}, "events: digests", [this] { work(); });
  waiting_.notify_one();
  return true;
}

void FileHasher::finished(const std::function<void(FileEvent&)>& use) {
  std::vector<Job> done;
  {
    const std::lock_guard lock(mutex_);
    done.swap(done_);
    eventfd_t count = 0;
    ::eventfd_read(done_event_.get(), &count);
  }
  using enum linux::DigestKind;
  for (auto& job : done) {
    auto event = decode<FileEvent>(job.record);
    if (!event) continue;  // it was encoded here
    event->hashed = job.hashed;
    event->md5 = job.digests[md5];
    event->sha1 = job.digests[sha1];
    event->sha256 = job.digests[sha256];
    event->sha512 = job.digests[sha512];
    use(*event);
  }
}

void FileHasher::finish(std::chrono::milliseconds time) {
  {
    std::unique_lock lock(mutex_);
    idle_.wait_for(lock, time, [this] { return jobs_.empty() && !busy_; });
    stop_ = true;
  }
  waiting_.notify_all();
  if (thread_.joinable()) thread_.join();
  const std::lock_guard lock(mutex_);
  counts_.refused += jobs_.size();
  std::ranges::move(jobs_, std::back_inserter(done_));
  jobs_.clear();
  ::eventfd_write(done_event_.get(), 1);
}

FileHasher::Counts FileHasher::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void FileHasher::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    waiting_.wait(lock, [this] { return stop_ || !jobs_.empty(); });
    if (stop_) return;
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    busy_ = true;
    lock.unlock();
    hash(job);
    lock.lock();
    busy_ = false;
    if (job.hashed > 0) ++counts_.hashed;
    if (job.hashed < 0) ++counts_.failed;
    if (job.hashed == 0) ++counts_.refused;
    done_.push_back(std::move(job));
    ::eventfd_write(done_event_.get(), 1);
    idle_.notify_all();
  }
}

void FileHasher::hash(Job& job) {
  const auto end = std::chrono::steady_clock::now() + options_.patience;
  const auto stopped = [&] { return stop_.load() || std::chrono::steady_clock::now() >= end; };
  job.hashed = -1;
  // Never through a link, and no other file than that of the event.
  const auto handle = options_.root.open_path(job.path, Links::keep);
  struct stat info{};
  if (!handle || ::fstat(handle->get(), &info) != 0 || !S_ISREG(info.st_mode)) return;
  if (info.st_ino != job.inode || info.st_dev != job.device) return;
  const auto version = linux::version_of(info);
  if (options_.digests)
    if (auto known = options_.digests->find(version, kinds_)) {
      job.digests = std::move(*known);
      job.hashed = 1;
      return;
    }
  if (info.st_size > options_.largest || (options_.budget && !options_.budget->open(stopped))) {
    job.hashed = 0;
    return;
  }
  const auto file = options_.root.open(job.path);
  struct stat opened{};
  if (!file || ::fstat(file->get(), &opened) != 0 || opened.st_ino != info.st_ino || opened.st_dev != info.st_dev)
    return;
  auto made = linux::digest_file(file->get(), kinds_, stop_, job.path, options_.budget);
  if (!made) {
    if (stop_) job.hashed = 0;
    return;
  }
  // Of what was written meanwhile there will be another event.
  if (options_.digests && ::fstat(file->get(), &opened) == 0 && linux::version_of(opened) == version)
    options_.digests->insert(version, *made);
  job.digests = std::move(*made);
  job.hashed = 1;
}

}  // namespace osprey::events
