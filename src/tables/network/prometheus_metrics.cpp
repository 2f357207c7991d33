#include "base/module.h"
#include "base/version.h"
#include "linux/http/http_module.h"
#include "linux/http/prometheus.h"
#include "tables/entries_of.h"
#include "tables/network/prometheus_targets.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

using linux::PrometheusSample;
using std::chrono::milliseconds;

constexpr std::size_t kBodyCap = 16 << 20;

struct Handle {
  const std::string& target;
  milliseconds scraped;  // since 1970
  const PrometheusSample& sample;

  std::int64_t timestamp_ms() const { return sample.timestamp_ms.value_or(scraped.count()); }
};

Result<std::string> scrape(const std::string& url, milliseconds timeout, const Interrupt& interrupt) {
  const auto* http = TRY(open_module<linux::HttpModule>());
  const linux::HttpRequest request{
      .url = url, .user_agent = "osprey/" + std::string(version()), .timeout = timeout, .body_cap = kBodyCap};
  auto response = TRY(http->get(request, interrupt));
  if (response.status != 200) return failure(url, "answers with HTTP status " + std::to_string(response.status));
  if (response.truncated) return failure(url, "answers with more than 16 MiB");
  return std::move(response.body);
}

Rows<Handle> scan(const Scan& scan) {
  const auto* targets = scan.service<PrometheusTargets>();
  if (!targets) co_return;
  for (const auto& url : targets->urls) {
    if (scan.interrupted()) co_return;
    if (!scan.matches("target_name", url)) continue;
    const auto body = scan.take(scrape(url, targets->timeout, scan.interrupt()));
    if (!body) continue;
    const auto scraped = std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch());
    const auto parsed = linux::parse_prometheus(*body);
    warn_skipped(scan, url, parsed.skipped);
    for (const auto& sample : parsed.entries) {
      Handle handle{url, scraped, sample};
      co_yield handle;
    }
  }
}

}  // namespace

Table prometheus_metrics() {
  return table("prometheus_metrics", "What the Prometheus exporters say that the configuration names.", scan)
      .column(
          "target_name", TEXT, [](const Handle& h) { return std::string_view(h.target); },
          "The exporter's URL, as in prometheus_targets of the configuration.", PASSED)
      .column(
          "metric_name", TEXT, [](const Handle& h) { return std::string_view(h.sample.metric); },
          "Name of the metric with its labels.")
      .column(
          "metric_value", DOUBLE, [](const Handle& h) { return h.sample.value; }, "Its value; NULL where it is NaN.")
      .column("timestamp_ms", BIGINT, &Handle::timestamp_ms,
              "Milliseconds since 1970 of the value where the exporter says so, else of the request.")
      .host_only()
      .example("SELECT metric_name, metric_value FROM prometheus_metrics WHERE metric_name LIKE 'node_load%'")
      .note(
          "Asks each URL by one GET, of no more than the configured time (1 s) and 16 MiB. One that does not answer is "
          "a warning. Without prometheus_targets there are no rows.");
}

}  // namespace osprey::tables
