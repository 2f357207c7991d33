// What a Prometheus exporter answers: the text exposition format, version 0.0.4.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "linux/files/parsed.h"

namespace osprey::linux {

struct PrometheusSample {
  std::string metric;  // its name with its labels, as written: http_requests_total{code="200"}
  double value = 0;    // may be infinite or no number
  std::optional<std::int64_t> timestamp_ms;
};

// Comments are passed by, HELP and TYPE among them.
Parsed<PrometheusSample> parse_prometheus(std::string_view text);

}  // namespace osprey::linux
