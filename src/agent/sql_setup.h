// What the program's connections begin with, be they the shell's or the schedule's: which tables are hidden, the
// configuration's views, what tables ask of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/flags/flags.h"
#include "protocol/configuration.h"
#include "sql/connection.h"
#include "tables/network/prometheus_targets.h"

namespace osprey::agent {

// The tables that the flags hide.
std::vector<std::string> hidden_tables(const Flags& flags, const sql::Registry& registry);

// A view of the configuration: `text` is its SELECT.
std::optional<sql::QueryError> create_view(sql::Connection& connection, std::string_view name, std::string_view text);

// As the table prometheus_metrics asks for them. One target takes no longer than a minute, whatever is configured.
tables::PrometheusTargets prometheus_targets(const protocol::PrometheusTargets& configured);

}  // namespace osprey::agent
