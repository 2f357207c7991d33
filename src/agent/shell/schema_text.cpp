#include "agent/shell/schema_text.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>

#include "sql/virtual_table.h"

namespace osprey::agent::shell {
namespace {

using sql::has;

// "required, index" and the like; empty for a plain column.
std::string traits(const sql::Column& column) {
  std::string text;
  const auto add = [&](bool applies, std::string_view word) {
    if (applies) text += fmt::format("{}{}", text.empty() ? "" : ", ", word);
  };
  add(has(column.options, sql::REQUIRED), "required");
  add(has(column.options, sql::INDEX), "index");
  add(has(column.options, sql::ADDITIONAL), "additional");
  add(has(column.options, sql::HIDDEN), "hidden");
  add(has(column.options, sql::NOCASE), "ignores case");
  if (!column.alias_of.empty()) add(true, fmt::format("another name of {}", column.alias_of));
  add(column.source == sql::Column::Source::foreign, "another platform's, always NULL");
  return text;
}

// A name as SQL has to write it: those that are keywords as well stand in quotes.
std::string in_sql(const std::string& name) {
  return sqlite3_keyword_check(name.data(), static_cast<int>(name.size())) ? fmt::format("\"{}\"", name) : name;
}

std::size_t widest_name(const sql::Table& table) {
  std::size_t widest = 0;
  for (const auto& column : table.columns) widest = std::max(widest, in_sql(column.name).size());
  return widest;
}

}  // namespace

std::string schema_line(const sql::Table& table) { return sql::declaration(table, table.name) + ";\n"; }

std::string schema_listing(const sql::Table& table) {
  auto text = fmt::format("CREATE TABLE {} (\n", in_sql(table.name));
  const auto widest = widest_name(table);
  std::size_t widest_type = 0;
  for (const auto& column : table.columns) widest_type = std::max(widest_type, sql_name(column.type).size());
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const auto& column = table.columns[i];
    const auto type = fmt::format("{}{}", sql_name(column.type), i + 1 < table.columns.size() ? "," : "");
    const auto comment = traits(column);
    if (comment.empty())
      text += fmt::format("  {:{}} {}\n", in_sql(column.name), widest, type);
    else
      text += fmt::format("  {:{}} {:{}} -- {}\n", in_sql(column.name), widest, type, widest_type + 1, comment);
  }
  text += ");\n";
  if (!table.aliases.empty()) text += fmt::format("-- also called {}\n", fmt::join(table.aliases, ", "));
  return text;
}

std::string table_help(const sql::Table& table) {
  auto text = fmt::format("{}: {}\n", table.name, table.help);
  if (!table.aliases.empty()) text += fmt::format("Also called {}.\n", fmt::join(table.aliases, ", "));
  text += '\n';
  const auto widest = widest_name(table);
  for (const auto& column : table.columns) {
    const auto more = traits(column);
    text += fmt::format("  {:{}}  {:<15} {}{}\n", column.name, widest, sql_name(column.type), column.help,
                        more.empty() ? "" : fmt::format(" ({})", more));
  }
  if (!table.note.empty()) text += fmt::format("\n{}\n", table.note);
  if (!table.examples.empty()) text += "\nExamples:\n";
  for (const auto& example : table.examples) text += fmt::format("  {};\n", example);
  return text;
}

}  // namespace osprey::agent::shell
