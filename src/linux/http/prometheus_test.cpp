#include "linux/http/prometheus.h"

#include <gtest/gtest.h>

#include <cmath>

namespace osprey::linux {
namespace {

TEST(Prometheus, SamplesAsExportersWriteThem) {
  const auto parsed = parse_prometheus(
      "# HELP http_requests_total Requests.\r\n"
      "# TYPE http_requests_total counter\n"
      "http_requests_total{method=\"post\",code=\"200\"} 1027 1395066363000\n"
      "\n"
      "  up\t1  \n"
      "path{dir=\"C:\\\\ \\\"a } b\\\"\"} 1.5e+3\n"
      "spread {a=\"b\"} 1\n"
      "up_bound{le=\"+Inf\"} +Inf\n"
      "nothing NaN -5");
  ASSERT_EQ(parsed.entries.size(), 5U);
  EXPECT_EQ(parsed.entries[0].metric, "http_requests_total{method=\"post\",code=\"200\"}");
  EXPECT_EQ(parsed.entries[0].value, 1027);
  EXPECT_EQ(parsed.entries[0].timestamp_ms, 1395066363000);
  EXPECT_EQ(parsed.entries[1].metric, "up");
  EXPECT_EQ(parsed.entries[1].timestamp_ms, std::nullopt);
  EXPECT_EQ(parsed.entries[2].metric, "path{dir=\"C:\\\\ \\\"a } b\\\"\"}");
  EXPECT_EQ(parsed.entries[2].value, 1500);
  EXPECT_TRUE(std::isinf(parsed.entries[3].value));
  EXPECT_TRUE(std::isnan(parsed.entries[4].value));
  EXPECT_EQ(parsed.entries[4].timestamp_ms, -5);
  EXPECT_EQ(parsed.skipped, 1U);
}

TEST(Prometheus, LinesThatAreNone) {
  for (const auto* line :
       {"a", "a b", "a{", "a{x=\"", "a{x=\"\\", "a{x=\"}\" 1", "{} x", "a 1 x", "a 1.5 1.5", "<html>"})
    EXPECT_EQ(parse_prometheus(line).skipped, 1U) << line;
}

}  // namespace
}  // namespace osprey::linux
