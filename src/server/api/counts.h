// Counters of the API's endpoints, for /metrics.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <string>

namespace osprey::server::api {

// How long an answer took, in microseconds: upper bounds of the histogram; what is above counts as well.
inline constexpr std::array<std::uint64_t, 8> kLatencyBounds{500,     2'000,   10'000,    50'000,
                                                             200'000, 500'000, 2'000'000, 10'000'000};

class EndpointCounts {
 public:
  explicit EndpointCounts(std::string operation) : operation_(std::move(operation)) {}
  void add(unsigned status, std::uint64_t microseconds) noexcept;
  const std::string& operation() const noexcept { return operation_; }
  // By the first digit of the status.
  std::uint64_t answered(unsigned digit) const noexcept { return answered_[digit]; }

 private:
  friend class Counts;
  const std::string operation_;
  std::array<std::atomic<std::uint64_t>, 6> answered_{};
  std::array<std::atomic<std::uint64_t>, kLatencyBounds.size() + 1> latency_{};
  std::atomic<std::uint64_t> microseconds_{0};
};

class Counts {
 public:
  // Before the first request; the reference stays good.
  EndpointCounts& of(std::string operation) { return endpoints_.emplace_back(std::move(operation)); }
  // Of all endpoints that have been asked, as Prometheus reads it.
  std::string prometheus() const;

 private:
  std::deque<EndpointCounts> endpoints_;
};

}  // namespace osprey::server::api
