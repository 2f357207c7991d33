#include "linux/files/io_budget.h"

#include <algorithm>
#include <ctime>
#include <thread>

namespace osprey::linux {
namespace {

constexpr std::chrono::milliseconds kLongestSleep{50};

}  // namespace

IoBudget::IoBudget(const Rates& rates) {
  const auto now = Clock::now();
  const auto fill = [now](Bucket& bucket, std::uint64_t rate) {
    bucket.rate = bucket.level = static_cast<double>(rate);
    bucket.filled = bucket.second = now;
  };
  fill(bytes_, rates.bytes);
  fill(opens_, rates.opens);
}

void IoBudget::roll(Bucket& bucket, Clock::time_point now) {
  const auto passed = now - bucket.second;
  if (passed < std::chrono::seconds(1)) return;
  bucket.last = passed < std::chrono::seconds(2) ? bucket.current : 0;
  bucket.peak = std::max(bucket.peak, bucket.current);
  bucket.current = 0;
  bucket.second += std::chrono::floor<std::chrono::seconds>(passed);
}

std::optional<IoBudget::Clock::duration> IoBudget::try_take(Bucket& bucket, std::uint64_t amount, bool waited) {
  const auto now = Clock::now();
  const std::lock_guard lock(mutex_);
  roll(bucket, now);
  const std::chrono::duration<double> passed = now - bucket.filled;
  bucket.filled = now;
  bucket.level = std::min(bucket.level + bucket.rate * passed.count(), bucket.rate);
  if (bucket.rate == 0 || bucket.level > 0) {
    bucket.level -= static_cast<double>(amount);
    bucket.current += amount;
    return std::nullopt;
  }
  if (!waited) {
    ++bucket.waits;
    bucket.last_wait = std::time(nullptr);
  }
  // Until a hundredth of a second's worth is there: waking up for less is not worth it.
  const std::chrono::duration<double> until((bucket.rate / 100 - bucket.level) / bucket.rate);
  return std::chrono::duration_cast<Clock::duration>(until);
}

bool IoBudget::take(Bucket& bucket, std::uint64_t amount, const Stopped& stopped) {
  for (bool waited = false;; waited = true) {
    const auto wait = try_take(bucket, amount, waited);
    if (!wait) return true;
    if (stopped()) return false;
    std::this_thread::sleep_for(std::min<Clock::duration>(*wait, kLongestSleep));
  }
}

IoBudget::Usage IoBudget::usage(const Bucket& bucket) const {
  const std::lock_guard lock(mutex_);
  // As of now, without the second that has not ended.
  auto rolled = bucket;
  roll(rolled, Clock::now());
  return {static_cast<std::uint64_t>(rolled.rate), rolled.last, rolled.peak, rolled.waits, rolled.last_wait};
}

}  // namespace osprey::linux
