#include "linux/http/prometheus.h"

#include "base/text.h"

namespace osprey::linux {
namespace {

// Takes a metric's name and its labels off the line, in which blanks may stand between quotes; empty if they do not
// end.
std::string_view take_metric(std::string_view& line) {
  std::size_t end = std::min(line.find_first_of("{ \t"), line.size());
  if (end < line.size() && line[end] == '{') {
    bool quoted = false;
    for (++end; end < line.size() && (quoted || line[end] != '}'); ++end) {
      if (quoted && line[end] == '\\')
        ++end;
      else if (line[end] == '"')
        quoted = !quoted;
    }
    if (end >= line.size()) return {};
    ++end;
  }
  const auto metric = line.substr(0, end);
  line.remove_prefix(end);
  return metric;
}

std::optional<double> parse_value(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  return parse_double(text);
}

std::optional<PrometheusSample> parse_sample(std::string_view line) {
  const auto metric = take_metric(line);
  const auto value = parse_value(take_field(line));
  if (metric.empty() || !value) return std::nullopt;
  PrometheusSample sample{std::string(metric), *value, {}};
  if (const auto time = take_field(line); !time.empty()) {
    sample.timestamp_ms = parse<std::int64_t>(time);
    if (!sample.timestamp_ms) return std::nullopt;
  }
  return sample;
}

}  // namespace

Parsed<PrometheusSample> parse_prometheus(std::string_view text) {
  Parsed<PrometheusSample> parsed;
  for (auto line : Lines(text)) {
    line = trim(line);
    if (line.empty() || line.starts_with('#')) continue;
    if (auto sample = parse_sample(line))
      parsed.entries.push_back(std::move(*sample));
    else
      ++parsed.skipped;
  }
  return parsed;
}

}  // namespace osprey::linux
