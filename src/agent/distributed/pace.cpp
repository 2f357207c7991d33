#include "agent/distributed/pace.h"

#include <algorithm>
#include <memory>
#include <random>

namespace osprey::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kLongestHold{300};  // of what a server may offer
constexpr milliseconds kAtOnce{1000};
constexpr unsigned kMostInVain = 3;
constexpr milliseconds kFirstDelay{2000};  // after a held read failed: the server may only have been restarted
constexpr seconds kLongestDelay{600};
constexpr unsigned kMostDoublings = 10;

}  // namespace

Pace::Random Pace::random() {
  const auto engine = std::make_shared<std::minstd_rand>(std::random_device{}());
  return [engine] { return std::uniform_real_distribution<double>()(*engine); };
}

seconds Pace::hold() const { return in_vain_ < kMostInVain ? std::min(offered_, kLongestHold) : seconds(0); }

// Up to that part longer or shorter.
milliseconds Pace::spread(milliseconds time, double by) const {
  const auto factor = 1 + (2 * random_() - 1) * by;
  return milliseconds(static_cast<std::int64_t>(static_cast<double>(time.count()) * factor));
}

milliseconds Pace::delay_after_failure(seconds held, seconds interval) {
  if (failures_++ == 0) first_delay_ = held > seconds(0) ? kFirstDelay : milliseconds(interval);
  const auto grown = first_delay_ * (1U << std::min(failures_ - 1, kMostDoublings));
  return spread(std::min<milliseconds>(grown, std::max(interval, kLongestDelay)), 0.25);
}

milliseconds Pace::after(const Round& round, seconds interval) {
  offered_ = round.failed ? seconds(0) : round.offered;
  if (round.failed && !compatible_) return delay_after_failure(round.held, interval);
  failures_ = 0;
  if (round.held == seconds(0))
    in_vain_ = std::min(in_vain_, kMostInVain - 1);  // after an interval of polling it is tried once more
  else if (round.asked || round.took >= std::min<milliseconds>(kAtOnce, milliseconds(round.held) / 2))
    in_vain_ = 0;
  else
    ++in_vain_;
  if (hold() > seconds(0)) return milliseconds(0);
  return compatible_ ? milliseconds(interval) : spread(interval, 0.1);
}

}  // namespace osprey::agent
