// What prometheus_metrics asks of the program: a service (sql/scan.h).
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace osprey::tables {

// Must not change while a query runs.
struct PrometheusTargets {
  std::vector<std::string> urls;
  std::chrono::milliseconds timeout{1000};  // for each
};

}  // namespace osprey::tables
