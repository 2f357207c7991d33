#include "agent/shell/completion.h"

#include <algorithm>
#include <array>

#include "agent/shell/dot_commands.h"
#include "base/text.h"

namespace osprey::agent::shell {
namespace {

constexpr auto kKeywords = std::to_array<std::string_view>({
    "AND",      "AS",    "ASC",       "BETWEEN", "BY",     "CASE",      "CAST",      "COLLATE", "CROSS",  "DESC",
    "DISTINCT", "ELSE",  "END",       "EXCEPT",  "EXISTS", "EXPLAIN",   "FROM",      "GLOB",    "GROUP",  "HAVING",
    "IN",       "INNER", "INTERSECT", "IS",      "JOIN",   "LEFT",      "LIKE",      "LIMIT",   "NOT",    "NULL",
    "OFFSET",   "ON",    "OR",        "ORDER",   "OVER",   "PARTITION", "RECURSIVE", "REGEXP",  "SELECT", "THEN",
    "UNION",    "USING", "VALUES",    "WHEN",    "WHERE",  "WITH",
});

bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

// The identifiers and single punctuation marks of SQL; strings and comments are not told apart, which does no harm
// here.
std::vector<std::string_view> sql_words(std::string_view sql) {
  std::vector<std::string_view> words;
  while (!sql.empty()) {
    std::size_t length = 0;
    while (length < sql.size() && is_word(sql[length])) ++length;
    if (length > 0)
      words.push_back(sql.substr(0, length));
    else if (!is_space(sql.front()))
      words.push_back(sql.substr(0, 1));
    sql.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return words;
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> keywords) {
  return std::ranges::any_of(keywords, [&](auto one) { return equal_ignoring_case(one, word); });
}

// Whether a table's name is due after these words: behind FROM, JOIN and the like, or a comma between tables.
bool table_is_due(const std::vector<std::string_view>& words) {
  if (words.empty()) return false;
  if (is_one_of(words.back(), {"from", "join", "into", "update", "table"})) return true;
  if (words.back() != ",") return false;
  for (auto word = words.rbegin(); word != words.rend(); ++word) {
    if (is_one_of(*word, {"from"})) return true;
    if (is_one_of(*word, {"select", "where", "by", "on", "using", "values"}) || *word == "(") return false;
  }
  return false;
}

class Candidates {
 public:
  explicit Candidates(std::string_view prefix) : prefix_(prefix) {}

  void add(std::string_view name) {
    if (name.size() >= prefix_.size() && equal_ignoring_case(name.substr(0, prefix_.size()), prefix_))
      found_.emplace_back(name);
  }
  template <class Names>
  void add_all(const Names& names) {
    for (const auto& name : names) add(name);
  }
  // In the case that was begun.
  void add_keywords() {
    const bool lower = std::ranges::any_of(prefix_, [](char c) { return c >= 'a' && c <= 'z'; });
    for (const auto keyword : kKeywords) add(lower ? to_lower(keyword) : std::string(keyword));
  }

  Completion take() && {
    std::ranges::sort(found_);
    const auto repeats = std::ranges::unique(found_);
    found_.erase(repeats.begin(), repeats.end());
    return {prefix_.size(), std::move(found_)};
  }

 private:
  std::string_view prefix_;
  std::vector<std::string> found_;
};

}  // namespace

Completion Completer::complete(std::string_view pending, std::string_view line, std::size_t cursor) const {
  const auto before = line.substr(0, cursor);
  if (pending.empty() && before.starts_with('.')) return complete_command(before);

  std::size_t start = before.size();
  while (start > 0 && is_word(before[start - 1])) --start;
  Candidates candidates(before.substr(start));
  const auto statement = std::string(pending) + "\n" + std::string(line);
  const auto preceding = std::string(pending) + "\n" + std::string(before.substr(0, start));
  const auto words = sql_words(preceding);

  if (preceding.ends_with('.') && words.size() > 1) {
    candidates.add_all(columns_of(statement, words[words.size() - 2]));
    return std::move(candidates).take();
  }
  if (table_is_due(words)) {
    candidates.add_all(registry_.names());
    return std::move(candidates).take();
  }
  const auto columns = columns_of(statement, {});
  candidates.add_all(columns);
  // Where nothing has been typed only what is most likely is offered.
  if (start == before.size() && !columns.empty()) return std::move(candidates).take();
  candidates.add_all(registry_.names());
  if (start == before.size()) return std::move(candidates).take();
  candidates.add_keywords();
  for (const auto& function : functions_) candidates.add(function + "(");
  return std::move(candidates).take();
}

// The columns of the tables that `statement` names; only of the one called `qualifier` there, if that is given.
std::vector<std::string> Completer::columns_of(std::string_view statement, std::string_view qualifier) const {
  std::vector<std::string> columns;
  const auto words = sql_words(statement);
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto* table = registry_.contains(words[i]) ? registry_.find(words[i]) : nullptr;
    if (!table) continue;
    if (!qualifier.empty() && words[i] != qualifier) {
      // An alias follows its table, with AS or without.
      auto alias = i + 1;
      if (alias < words.size() && is_one_of(words[alias], {"as"})) ++alias;
      if (alias >= words.size() || words[alias] != qualifier) continue;
    }
    for (const auto& column : table->columns)
      if (column.source != sql::Column::Source::foreign) columns.push_back(column.name);
  }
  return columns;
}

Completion Completer::complete_command(std::string_view before) const {
  auto rest = before.substr(1);
  const auto command = take_field(rest);
  if (command.size() + 1 == before.size()) {
    Candidates candidates(command);
    candidates.add_all(dot_command_names());
    return std::move(candidates).take();
  }
  const auto space = before.find_last_of(" \t");
  Candidates candidates(before.substr(space + 1));
  const auto is = [&](std::string_view name) { return name.starts_with(command); };
  if (is("mode")) {
    candidates.add_all(
        std::to_array<std::string_view>({"column", "csv", "json", "json_pretty", "line", "list", "pretty"}));
  } else if (is("types")) {
    return complete("select", before, before.size());
  } else if (is("bail") || is("echo") || is("headers") || is("timer") || is("wide")) {
    candidates.add_all(std::to_array<std::string_view>({"off", "on"}));
  } else {
    candidates.add_all(registry_.names());
  }
  return std::move(candidates).take();
}

}  // namespace osprey::agent::shell
