#include "server/api/counts.h"

#include <fmt/format.h>

#include <algorithm>

namespace osprey::server::api {

void EndpointCounts::add(unsigned status, std::uint64_t microseconds) noexcept {
  ++answered_[std::min<std::size_t>(status / 100, answered_.size() - 1)];
  const auto bound = std::ranges::lower_bound(kLatencyBounds, microseconds) - kLatencyBounds.begin();
  ++latency_[static_cast<std::size_t>(bound)];
  microseconds_ += microseconds;
}

std::string Counts::prometheus() const {
  std::string requests =
      "# HELP osprey_api_requests_total Requests of the administration API answered.\n"
      "# TYPE osprey_api_requests_total counter\n";
  std::string seconds =
      "# HELP osprey_api_request_seconds Time to the answer, or to the beginning of a stream.\n"
      "# TYPE osprey_api_request_seconds histogram\n";
  for (const auto& each : endpoints_) {
    for (std::size_t digit = 1; digit < each.answered_.size(); ++digit)
      if (const auto count = each.answered_[digit].load(); count > 0)
        requests += fmt::format("osprey_api_requests_total{{operation=\"{}\",status=\"{}xx\"}} {}\n", each.operation_,
                                digit, count);
    std::uint64_t below = 0;
    std::string buckets;
    for (std::size_t i = 0; i < each.latency_.size(); ++i) {
      below += each.latency_[i];
      const auto bound = i < kLatencyBounds.size() ? fmt::format("{}", static_cast<double>(kLatencyBounds[i]) / 1e6)
                                                   : std::string("+Inf");
      buckets += fmt::format("osprey_api_request_seconds_bucket{{operation=\"{}\",le=\"{}\"}} {}\n", each.operation_,
                             bound, below);
    }
    if (below == 0) continue;
    seconds += buckets;
    seconds += fmt::format("osprey_api_request_seconds_sum{{operation=\"{}\"}} {}\n", each.operation_,
                           static_cast<double>(each.microseconds_.load()) / 1e6);
    seconds += fmt::format("osprey_api_request_seconds_count{{operation=\"{}\"}} {}\n", each.operation_, below);
  }
  return requests + seconds;
}

}  // namespace osprey::server::api
