#include "agent/remote/host_details.h"

#include <fmt/format.h>

#include <map>
#include <optional>

#include "base/json.h"

namespace osprey::agent {
namespace {

constexpr struct {
  std::string_view table;
  std::string_view columns;
} kDetails[] = {
    {"os_version", "*, pid_with_namespace"},  // osquery's has the hidden column too
    {"osquery_info", "*"},
    {"platform_info", "*"},
    {"system_info", "*"},
};

using Row = std::map<std::string, std::string, std::less<>>;

std::optional<Row> first_row(sql::Connection& connection, const std::string& sql) {
  std::string_view rest = sql;
  auto statement = connection.prepare(rest);
  if (!statement || !*statement) return std::nullopt;
  const auto stepped = (*statement)->step();
  if (!stepped || !*stepped) return std::nullopt;
  Row row;
  for (std::size_t i = 0; i < (*statement)->size(); ++i)
    if ((*statement)->type(i) != sql::ValueType::null)
      row.insert_or_assign(std::string((*statement)->column_name(i)), std::string((*statement)->text(i)));
  return row;
}

template <class Members, class Value>
std::string object(const Members& members, const Value& value) {
  std::string out = "{";
  for (const auto& [name, what] : members) {
    if (out.size() > 1) out += ',';
    append_json_string(out, name);
    out += ':';
    value(out, what);
  }
  return out + '}';
}

}  // namespace

std::string host_details(const sql::ConnectionOptions& options) {
  sql::Connection connection(options);
  connection.begin({});
  std::map<std::string, Row, std::less<>> tables;
  for (const auto& [table, columns] : kDetails)
    if (auto row = first_row(connection, fmt::format("SELECT {} FROM {} LIMIT 1", columns, table)))
      tables.emplace(table, std::move(*row));
  return object(tables, [](std::string& out, const Row& row) {
    out += object(row, [](std::string& text, const std::string& value) { append_json_string(text, value); });
  });
}

}  // namespace osprey::agent
