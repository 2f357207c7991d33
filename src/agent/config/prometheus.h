// The configuration's prometheus_targets as the table prometheus_metrics asks for them.
#pragma once

#include <algorithm>

#include "protocol/configuration.h"
#include "tables/network/prometheus_targets.h"

namespace osprey::agent {

inline tables::PrometheusTargets prometheus_targets(const protocol::PrometheusTargets& configured) {
  constexpr double kLongest = 60;  // seconds: of one target, which holds up the query
  const auto seconds = std::chrono::duration<double>(std::clamp(configured.timeout_s, 0.001, kLongest));
  return {configured.urls, std::chrono::duration_cast<std::chrono::milliseconds>(seconds)};
}

}  // namespace osprey::agent
