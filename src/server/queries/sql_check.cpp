#include "server/queries/sql_check.h"

#include <sqlite3.h>

#include <boost/json.hpp>
#include <memory>

#include "server/api/problem.h"
#include "server/queries/agent_schema.h"
#include "sql/connection.h"

namespace osprey::server::queries {
namespace {

namespace json = boost::json;

struct NoHandle {};
sql::Rows<NoHandle> no_rows(const sql::Scan&) { co_return; }

sql::Type type_of(std::string_view name) {
  for (const auto type :
       {sql::Type::integer, sql::Type::bigint, sql::Type::unsigned_bigint, sql::Type::real, sql::Type::blob})
    if (sql::sql_name(type) == name) return type;
  return sql::Type::text;
}

bool says(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value && value->is_bool() && value->get_bool();
}

sql::Column column_of(const json::object& described) {
  sql::Column column;
  column.name = described.at("name").as_string();
  column.type = type_of(described.at("type").as_string());
  if (says(described, "hidden")) column.options = column.options | sql::HIDDEN;
  if (says(described, "required")) column.options = column.options | sql::REQUIRED;
  if (says(described, "index")) column.options = column.options | sql::INDEX;
  return column;
}

using Tables = std::vector<std::shared_ptr<const sql::Table>>;

Tables read_schema() {
  Tables tables;
  const auto schema = json::parse(kAgentSchema);
  for (const auto& described : schema.as_array()) {
    const auto& object = described.as_object();
    sql::Table table = sql::table<NoHandle>(std::string_view(object.at("name").as_string()), "", no_rows);
    for (const auto& column : object.at("columns").as_array()) table.columns.push_back(column_of(column.as_object()));
    if (const auto* example = object.if_contains("example")) table.examples.emplace_back(example->as_string());
    if (const auto* aliases = object.if_contains("aliases"))
      for (const auto& alias : aliases->as_array()) table.aliases.emplace_back(alias.as_string());
    tables.push_back(std::make_shared<const sql::Table>(std::move(table)));
  }
  return tables;
}

std::unexpected<Error> wrong(const sql::QueryError& error) {
  return api::problem(api::kInvalid, "query", error.hint.empty() ? error.message : error.message + "; " + error.hint);
}

}  // namespace

Result<Checked> check_sql(std::string_view text) {
  static const sql::Registry kNone;
  static const Tables kTables = read_schema();
  sql::Connection connection({.registry = &kNone, .extra_tables = kTables});
  connection.begin({});
  auto rest = text;
  const auto statement = connection.prepare(rest);
  if (!statement) return wrong(statement.error());
  if (!*statement) return api::problem(api::kInvalid, "query", "says nothing");
  if (::sqlite3_stmt_readonly((*statement)->handle()) == 0 || (*statement)->size() == 0)
    return api::problem(api::kInvalid, "query", "is nothing that gives rows; a SELECT is wanted");
  auto more = connection.prepare(rest);
  if (!more) return wrong(more.error());
  if (*more) return api::problem(api::kInvalid, "query", "is more than one statement");
  Checked checked;
  for (std::size_t i = 0; i < (*statement)->size(); ++i) checked.columns.emplace_back((*statement)->column_name(i));
  for (const auto& table : kTables)
    if (connection.reads(table->name)) checked.tables.push_back(table->name);
  return checked;
}

}  // namespace osprey::server::queries
