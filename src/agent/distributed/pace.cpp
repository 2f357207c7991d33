#include "agent/distributed/pace.h"

#include <algorithm>

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

seconds Pace::hold() const { return in_vain_ < kMostInVain ? std::min(offered_, kLongestHold) : seconds(0); }

milliseconds Pace::delay_after_failure(seconds held, seconds interval) {
  if (failures_++ == 0) first_delay_ = held > seconds(0) ? kFirstDelay : milliseconds(interval);
  const auto grown = first_delay_ * (1U << std::min(failures_ - 1, kMostDoublings));
  return jitter_(std::min<milliseconds>(grown, std::max(interval, kLongestDelay)));
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
  const milliseconds part = milliseconds(interval) / 10;
  return compatible_ ? milliseconds(interval) : interval - part + jitter_(part);
}

}  // namespace osprey::agent
