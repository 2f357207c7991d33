#include "agent/distributed/distributed.h"

#include <pthread.h>

#include <algorithm>
#include <optional>

namespace osprey::agent {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongestWait{10'000};  // timers do not count time asleep, so it may be noticed this late

}  // namespace

void Distributed::apply(ConfigurationPtr configuration) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  configuration_ = std::move(configuration);
  if (!thread_.joinable() && !is_off()) {
    thread_ = std::thread([this] { work(); });
    ::pthread_setname_np(thread_.native_handle(), "distributed");
  }
  wake_.notify_all();
}

bool Distributed::is_off() const { return configuration_->flags.boolean("disable_distributed"); }

void Distributed::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  rounds_.interrupt();
  if (thread_.joinable()) thread_.join();
}

void Distributed::work() {
  std::unique_lock lock(mutex_);
  std::optional<milliseconds> next;  // of the clock's uptime
  while (!stopping_) {
    const auto now = clock_.uptime();
    if (is_off()) {
      wake_.wait(lock);
      continue;
    }
    if (next && now < *next) {
      wake_.wait_for(lock, std::min(*next - now, kLongestWait));
      continue;
    }
    const auto configuration = configuration_;
    lock.unlock();
    const auto wait = rounds_.round(configuration);
    lock.lock();
    next = clock_.uptime() + wait;
  }
}

}  // namespace osprey::agent
