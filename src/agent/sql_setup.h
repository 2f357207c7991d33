// What the program's connections begin with, be they the shell's or the schedule's: which tables are hidden, the
// configuration's views.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/flags/flags.h"
#include "sql/connection.h"

namespace osprey::agent {

// The tables that the flags hide.
std::vector<std::string> hidden_tables(const Flags& flags, const sql::Registry& registry);

// A view of the configuration: `text` is its SELECT.
std::optional<sql::QueryError> create_view(sql::Connection& connection, std::string_view name, std::string_view text);

}  // namespace osprey::agent
