#include "agent/logging/sink.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "agent/logging/sinks/sinks.h"
#include "base/text.h"

namespace osprey::agent {
namespace {

// By name.
constexpr struct {
  std::string_view name;
  std::unique_ptr<Sink> (*make)(const SinkParts&);
} kSinks[] = {
    {"filesystem", filesystem_sink},
    {"kafka_producer", kafka_sink},
    {"stdout", stdout_sink},
    {"syslog", syslog_sink},
    {"tls", tls_sink},
};

constexpr auto kNames = [] {
  std::array<std::string_view, std::size(kSinks)> names;
  std::ranges::transform(kSinks, names.begin(), [](const auto& sink) { return sink.name; });
  return names;
}();
static_assert(std::ranges::is_sorted(kNames));

}  // namespace

Result<std::unique_ptr<Sink>> make_sink(std::string_view name, const SinkParts& parts) {
  for (const auto& sink : kSinks)
    if (sink.name == name) return sink.make(parts);
  if (parts.program.osquery_compatible)
    return failure({}, fmt::format("Cannot activate {0} logger plugin: Unknown registry plugin: {0}", name));
  const auto near = nearest(name, {kNames.begin(), kNames.end()});
  return failure("logger_plugin", "there is no logger called " + std::string(name) +
                                      (near ? "; did you mean " + std::string(*near) + "?" : ""));
}

std::span<const std::string_view> sink_names() { return kNames; }

}  // namespace osprey::agent
