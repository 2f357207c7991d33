#include "agent/sql_setup.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace osprey::agent {
std::vector<std::string> hidden_tables(const Flags& flags, const sql::Registry& registry) {
  std::vector<std::string> hidden;
  for (const auto name : split(flags.text("disable_tables"), ',')) hidden.emplace_back(trim(name));
  if (const auto enabled = split(flags.text("enable_tables"), ','); !flags.text("enable_tables").empty()) {
    for (const auto name : registry.names())
      if (std::ranges::none_of(enabled, [&](auto one) { return trim(one) == name; })) hidden.emplace_back(name);
  }
  return hidden;
}

std::optional<sql::QueryError> create_view(sql::Connection& connection, std::string_view name, std::string_view text) {
  return connection.run(fmt::format("CREATE VIEW {} AS {}", sql::quoted_identifier(name), text));
}

tables::PrometheusTargets prometheus_targets(const protocol::PrometheusTargets& configured) {
  const auto seconds = std::chrono::duration<double>(std::clamp(configured.timeout_s, 0.001, 60.0));
  return {configured.urls, std::chrono::duration_cast<std::chrono::milliseconds>(seconds)};
}

}  // namespace osprey::agent
