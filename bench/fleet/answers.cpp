#include "fleet/answers.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include "base/text.h"

namespace osprey::fleet {
namespace {

char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

bool in_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

bool is_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, in_name) && !std::isdigit(static_cast<unsigned char>(text[0]));
}

// Where `word` (lower case) stands as a word outside of parentheses and quotes.
std::optional<std::size_t> find_word(std::string_view sql, std::string_view word) {
  int depth = 0;
  char quote = 0;
  for (std::size_t i = 0; i < sql.size(); ++i) {
    const char c = sql[i];
    if (quote) {
      if (c == quote) quote = 0;
      continue;
    }
    if (c == '\'' || c == '"') quote = c;
    if (c == '(') ++depth;
    if (c == ')') --depth;
    if (depth || sql.size() - i < word.size() || (i && in_name(sql[i - 1]))) continue;
    const auto here = sql.substr(i, word.size());
    const bool ends = i + word.size() == sql.size() || !in_name(sql[i + word.size()]);
    if (ends && std::ranges::equal(here, word, {}, lower)) return i;
  }
  return std::nullopt;
}

// The pieces between commas outside of parentheses and quotes.
std::vector<std::string_view> split_list(std::string_view list) {
  std::vector<std::string_view> items;
  int depth = 0;
  char quote = 0;
  std::size_t from = 0;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const char c = list[i];
    if (quote) {
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '(') {
      ++depth;
    } else if (c == ')') {
      --depth;
    } else if (c == ',' && depth == 0) {
      items.push_back(trim(list.substr(from, i - from)));
      from = i + 1;
    }
  }
  items.push_back(trim(list.substr(from)));
  return items;
}

struct Column {
  std::string source;  // a column of the table, without the table's name; else the expression as written
  std::string name;
};

Column column_of(std::string_view item) {
  std::string_view source = item, name = item;
  if (const auto as = find_word(item, "as")) {
    source = trim(item.substr(0, *as));
    name = trim(item.substr(*as + 2));
  }
  const std::size_t dot = source.rfind('.');
  if (dot != std::string_view::npos && is_name(source.substr(dot + 1))) {
    if (name == source) name = source.substr(dot + 1);
    source = source.substr(dot + 1);
  }
  if (name.size() > 1 && (name[0] == '"' || name[0] == '`')) name = name.substr(1, name.size() - 2);
  return {std::string(source), std::string(name)};
}

std::string made_up(const Persona& host, std::string_view source) {
  if (source.size() > 1 && source[0] == '\'') return std::string(source.substr(1, source.size() - 2));
  if (!source.empty() && (std::isdigit(static_cast<unsigned char>(source[0])) || source[0] == '-'))
    return std::string(source);
  return std::to_string(host.random % 1000);
}

Row pick(const Persona& host, const std::vector<Column>& columns, const Row& row) {
  Row picked;
  for (const Column& column : columns) {
    if (column.source == "*") {
      picked.insert(picked.end(), row.begin(), row.end());
      continue;
    }
    const auto found = std::ranges::find(row, column.source, &Row::value_type::first);
    picked.emplace_back(column.name, found != row.end() ? found->second : made_up(host, column.source));
  }
  return picked;
}

bool mentions(std::string_view sql, std::string_view what) {
  return !std::ranges::search(sql, what, {}, lower).empty();
}

}  // namespace

Answer answer_to(const Persona& host, std::string_view sql) {
  sql = trim(sql);
  while (sql.ends_with(';')) sql = trim(sql.substr(0, sql.size() - 1));
  Answer answer;
  const auto select = find_word(sql, "select");
  if (!select) {
    answer.failed = "near \"" + std::string(sql.substr(0, 20)) + "\": syntax error";
    return answer;
  }
  const auto from = find_word(sql, "from");
  const std::size_t list_at = *select + 6;
  const std::size_t list_end = from.value_or(sql.size());
  std::vector<Column> columns;
  for (const auto item : split_list(sql.substr(list_at, list_end - list_at))) columns.push_back(column_of(item));
  if (!from) {
    answer.rows.push_back(pick(host, columns, {}));
    return answer;
  }
  std::string_view rest = trim(sql.substr(*from + 4));
  std::string table(rest.substr(0, static_cast<std::size_t>(std::ranges::find_if_not(rest, in_name) - rest.begin())));
  std::ranges::transform(table, table.begin(), lower);
  if (table == "no_such_table") {
    answer.failed = "no such table: no_such_table";
    return answer;
  }
  answer.carves = (table == "carves" && mentions(sql, "carve")) || mentions(sql, "carve(");
  const auto counts = [](const Column& column) { return mentions(column.source, "count("); };
  if (!has_table(table) || std::ranges::any_of(columns, counts)) {
    answer.rows.push_back(pick(host, columns, {}));
    return answer;
  }
  for (const Row& row : rows_of(host, table)) answer.rows.push_back(pick(host, columns, row));
  return answer;
}

}  // namespace osprey::fleet
