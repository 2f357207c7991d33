#include "events/journal/age_clock.h"

namespace osprey::events {
namespace {

constexpr std::int64_t kStep = 2;  // no more: a clock that is being slewed, or parts of seconds
constexpr std::size_t kMostGaps = 1000;

}  // namespace

AgeClock::AgeClock(std::int64_t last, std::int64_t wall, std::int64_t running) : wall_(wall), running_(running) {
  if (last < wall) skip(last, wall);
}

void AgeClock::now(std::int64_t wall, std::int64_t running) {
  const auto even = wall_ + (running - running_);
  if (wall > even + kStep) skip(even, wall);
  // Set back behind them: what was written before is older than anything of now by the journal's order.
  while (!gaps_.empty() && gaps_.back().to > wall) gaps_.pop_back();
  wall_ = wall;
  running_ = running;
}

std::int64_t AgeClock::before(std::int64_t age) const {
  auto at = wall_;
  for (auto gap = gaps_.rbegin(); gap != gaps_.rend() && age > at - gap->to; ++gap) {
    age -= at - gap->to;
    at = gap->from;
  }
  return at - age;
}

void AgeClock::skip(std::int64_t from, std::int64_t to) {
  if (gaps_.size() == kMostGaps) gaps_.erase(gaps_.begin());
  gaps_.push_back({from, to});
}

}  // namespace osprey::events
