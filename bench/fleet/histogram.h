// Latencies in microseconds, counted in buckets: exact below 128, then 64 steps a doubling (1.6 %). Trivially copyable,
// so that it can live in memory that processes share; one writer, read after that has ended.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace osprey::fleet {

class Histogram {
 public:
  void add(std::int64_t microseconds) noexcept {
    const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(microseconds, 0));
    ++buckets_[std::min(index_of(value), buckets_.size() - 1)];
    ++count_;
    max_ = std::max(max_, value);
  }

  void merge(const Histogram& other) noexcept {
    for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
    count_ += other.count_;
    max_ = std::max(max_, other.max_);
  }

  std::uint64_t count() const noexcept { return count_; }
  std::uint64_t max() const noexcept { return max_; }

  // The least value, to the bucket's upper edge, that `share` (0 to 1) of all do not exceed; 0 if there are none.
  std::uint64_t percentile(double share) const noexcept {
    const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(count_) + 0.999999);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen >= wanted && seen > 0) return i + 1 < buckets_.size() ? std::min(upper_edge(i), max_) : max_;
    }
    return max_;
  }

 private:
  static constexpr std::size_t kSteps = 64;  // a doubling

  static constexpr std::size_t index_of(std::uint64_t value) noexcept {
    const int shift = std::max(0, static_cast<int>(std::bit_width(value)) - 7);
    return static_cast<std::size_t>(shift) * kSteps + static_cast<std::size_t>(value >> shift);
  }
  static constexpr std::uint64_t upper_edge(std::size_t index) noexcept {
    if (index < 2 * kSteps) return index;
    const std::size_t shift = index / kSteps - 1;
    return ((index - shift * kSteps + 1) << shift) - 1;
  }

  std::array<std::uint32_t, kSteps * 32> buckets_{};  // up to a day; the last holds what is beyond
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace osprey::fleet
