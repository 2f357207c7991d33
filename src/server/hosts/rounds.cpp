#include "server/hosts/rounds.h"

#include <algorithm>

namespace osprey::server::hosts {
namespace {

constexpr std::int64_t kFirstPause = 60'000;

}  // namespace

// Neighbouring numbers are to be far apart: Knuth's multiplicative hash.
std::int64_t Rounds::part_of_interval(HostId host) const {
  const auto mixed = static_cast<std::uint64_t>(host) * 0x9E3779B97F4A7C15ULL >> 32;
  return static_cast<std::int64_t>(mixed * static_cast<std::uint64_t>(interval_) >> 32);
}

void Rounds::start(HostId host, Timestamp done, Timestamp now, std::int64_t revision) {
  State state{.ended = {done, revision}};
  if (done.ms != 0) {
    state.due = done.ms + interval_;
    if (state.due <= now.ms || done.ms > now.ms) state.due = now.ms + part_of_interval(host);
  }
  auto& at = shard(host);
  const std::lock_guard lock(at.mutex);
  at.states.insert_or_assign(host, state);
}

void Rounds::forget(HostId host) {
  auto& at = shard(host);
  const std::lock_guard lock(at.mutex);
  at.states.erase(host);
}

bool Rounds::knows(HostId host) const {
  auto& at = shard(host);
  const std::lock_guard lock(at.mutex);
  return at.states.contains(host);
}

bool Rounds::is_due(const State& state, Timestamp now) const {
  if (state.due > now.ms && state.due - now.ms <= 2 * interval_) return false;
  if (state.asked == 0) return true;
  const auto pause = std::min(kFirstPause << std::min(state.tries - 1, 20U), interval_);
  return now.ms - state.asked >= pause || now.ms < state.asked;
}

bool Rounds::due(HostId host, Timestamp now) const {
  auto& at = shard(host);
  const std::lock_guard lock(at.mutex);
  const auto found = at.states.find(host);
  return found != at.states.end() && is_due(found->second, now);
}

bool Rounds::ask(HostId host, Timestamp now) {
  auto& at = shard(host);
  const std::lock_guard lock(at.mutex);
  const auto found = at.states.find(host);
  if (found == at.states.end() || !is_due(found->second, now)) return false;
  found->second.asked = now.ms;
  ++found->second.tries;
  return true;
}

void Rounds::finish(HostId host, Timestamp now, std::int64_t revision) {
  auto& at = shard(host);
  const std::lock_guard lock(at.mutex);
  const auto found = at.states.find(host);
  if (found == at.states.end()) return;
  const auto jitter = part_of_interval(host) / 5 - interval_ / 10;
  found->second = {.due = now.ms + interval_ + jitter, .ended = {now, revision}};
}

bool Rounds::hurry(HostId host) {
  auto& at = shard(host);
  const std::lock_guard lock(at.mutex);
  const auto found = at.states.find(host);
  if (found == at.states.end()) return false;
  found->second.due = 0;
  found->second.asked = 0;
  return true;
}

Rounds::Ended Rounds::ended(HostId host) const {
  auto& at = shard(host);
  const std::lock_guard lock(at.mutex);
  const auto found = at.states.find(host);
  return found == at.states.end() ? Ended{} : found->second.ended;
}

}  // namespace osprey::server::hosts
