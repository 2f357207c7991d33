#include "server/api/rate_limit.h"

#include <algorithm>

namespace osprey::server::api {

std::int64_t RateLimit::take(const std::string& caller, Rate rate, Timestamp now) {
  // The generic cell rate algorithm: each request moves the moment at which all is paid by its share.
  const auto now_us = now.ms * 1000;
  const auto share = 1'000'000 / rate.a_second;
  const auto credit = share * rate.burst;
  const std::lock_guard lock(mutex_);
  if (due_.size() >= most_ && !due_.contains(caller)) make_room(now_us);
  auto& due = due_[caller];
  // Not further ahead than can be, should the clock be set back.
  due = std::clamp(due, now_us, now_us + credit);
  if (due + share > now_us + credit) return (due + share - now_us - credit + 999) / 1000;
  due += share;
  return 0;
}

void RateLimit::make_room(std::int64_t now_us) {
  std::erase_if(due_, [&](const auto& each) { return each.second <= now_us; });
  if (due_.size() >= most_) due_.erase(due_.begin());
}

}  // namespace osprey::server::api
