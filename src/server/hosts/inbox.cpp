#include "server/hosts/inbox.h"

#include <utility>

namespace osprey::server::hosts {
namespace {

constexpr std::size_t kMost = 20'000;

}  // namespace

void Inbox::add(const std::string& payload) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    waiting_.push_back(payload);
    if (waiting_.size() > kMost) {
      waiting_.clear();
      missed_ = true;
    }
  }
  changed_.notify_one();
}

void Inbox::miss() {
  {
    const std::lock_guard lock(mutex_);
    missed_ = true;
  }
  changed_.notify_one();
}

void Inbox::again(Message message) {
  const std::lock_guard lock(mutex_);
  if (failed_.size() < kMost)
    failed_.push_back(std::move(message));
  else
    missed_ = true;
}

void Inbox::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_one();
}

Inbox::Taken Inbox::take(std::chrono::steady_clock::time_point until) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, until, [&] { return closed_ || missed_ || !waiting_.empty(); });
  return {std::exchange(waiting_, {}), std::exchange(failed_, {}), std::exchange(missed_, false), closed_};
}

}  // namespace osprey::server::hosts
