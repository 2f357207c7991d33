#include "agent/sql_setup.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace osprey::agent {
namespace {

std::string quoted_identifier(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + '"';
}

}  // namespace

std::vector<std::string> hidden_tables(const Flags& flags, const sql::Registry& registry) {
  std::vector<std::string> hidden;
  for (const auto name : split(flags.text("disable_tables"), ',')) hidden.emplace_back(trim(name));
  if (const auto enabled = split(flags.text("enable_tables"), ','); !flags.text("enable_tables").empty()) {
    for (const auto name : registry.names())
      if (std::ranges::none_of(enabled, [&](auto one) { return trim(one) == name; })) hidden.emplace_back(name);
  }
  return hidden;
}

std::optional<sql::QueryError> run_silently(sql::Connection& connection, std::string_view sql) {
  for (;;) {
    auto statement = connection.prepare(sql);
    if (!statement) return statement.error();
    if (!*statement) return std::nullopt;
    for (;;) {
      const auto row = (*statement)->step();
      if (!row) return row.error();
      if (!*row) break;
    }
  }
}

std::optional<sql::QueryError> create_view(sql::Connection& connection, std::string_view name, std::string_view sql) {
  return run_silently(connection, fmt::format("CREATE VIEW {} AS {}", quoted_identifier(name), sql));
}

}  // namespace osprey::agent
