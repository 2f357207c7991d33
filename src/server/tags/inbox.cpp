#include "server/tags/inbox.h"

#include <utility>

namespace osprey::server::tags {
namespace {

constexpr std::size_t kMostMessages = 10'000;
constexpr std::chrono::milliseconds kLinger{50};  // for more hosts to change

}  // namespace

void Inbox::message(const std::string& payload) {
  change([&](Work& work) {
    work.messages.push_back(payload);
    if (work.messages.size() < kMostMessages) return;
    work.messages.clear();
    work.missed = true;
  });
}

void Inbox::host(hosts::HostId host) {
  change([&](Work& work) { work.hosts.insert(host); });
}

void Inbox::miss() {
  change([](Work& work) { work.missed = true; });
}

void Inbox::sweep() {
  change([](Work& work) { work.sweep = true; });
}

void Inbox::close() {
  change([](Work& work) { work.closed = true; });
}

Inbox::Work Inbox::take(std::chrono::steady_clock::time_point until) {
  std::unique_lock lock(mutex_);
  const auto any = [&] {
    return work_.closed || work_.missed || work_.sweep || !work_.messages.empty() || !work_.hosts.empty();
  };
  if (changed_.wait_until(lock, until, any)) changed_.wait_for(lock, kLinger, [&] { return work_.closed; });
  Work taken{.closed = work_.closed};
  std::swap(taken, work_);
  work_.closed = taken.closed;
  return taken;
}

template <class F>
void Inbox::change(const F& how) {
  {
    const std::lock_guard lock(mutex_);
    how(work_);
  }
  changed_.notify_one();
}

}  // namespace osprey::server::tags
