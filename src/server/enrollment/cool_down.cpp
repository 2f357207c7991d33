#include "server/enrollment/cool_down.h"

#include <algorithm>

namespace osprey::server::enrollment {

std::chrono::seconds CoolDown::left(std::string_view who, Timestamp now) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_who_.find(std::string(who));
  if (found == by_who_.end() || found->second.until <= now) return std::chrono::seconds(0);
  // A clock that is set back must not lock anybody out for longer.
  const auto ms = std::min<std::int64_t>(found->second.until.ms - now.ms, longest_.count() * 1000);
  return std::chrono::seconds((ms + 999) / 1000);
}

unsigned CoolDown::count(std::string_view who, Timestamp now) {
  const std::lock_guard lock(mutex_);
  auto found = by_who_.find(std::string(who));
  if (found == by_who_.end()) {
    if (by_who_.size() >= kMost) make_room(now);
    found = by_who_.emplace(std::string(who), Attempts()).first;
  }
  auto& attempts = found->second;
  if (now.ms - attempts.last.ms > kForgottenMs) attempts = {};
  attempts.last = now;
  ++attempts.count;
  if (attempts.count > free_) {
    const std::chrono::seconds doubled(1LL << std::min(attempts.count - free_ - 1, 30U));
    attempts.until.ms = now.ms + std::min(doubled, longest_).count() * 1000;
  }
  return attempts.count;
}

void CoolDown::make_room(Timestamp now) {
  std::erase_if(by_who_, [&](const auto& entry) { return now.ms - entry.second.last.ms > kForgottenMs; });
  // Whoever fills it on purpose loses what was counted of him among the rest; the database still says no.
  if (by_who_.size() >= kMost) std::erase_if(by_who_, [&](const auto& entry) { return entry.second.until <= now; });
  if (by_who_.size() >= kMost) by_who_.clear();
}

}  // namespace osprey::server::enrollment
