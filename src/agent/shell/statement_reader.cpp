#include "agent/shell/statement_reader.h"

#include <sqlite3.h>

#include <utility>

#include "base/text.h"

namespace osprey::agent::shell {

bool is_blank_sql(std::string_view sql) {
  for (;;) {
    sql = trim_left(sql);
    if (sql.starts_with("--")) {
      take_until(sql, '\n');
    } else if (sql.starts_with("/*")) {
      const auto end = sql.find("*/", 2);
      if (end == sql.npos) return false;
      sql.remove_prefix(end + 2);
    } else {
      return sql.empty();
    }
  }
}

std::optional<std::string> StatementReader::add(std::string_view line) {
  ++line_;
  if (pending_.empty()) {
    if (trim(line).empty()) return std::nullopt;
    first_line_ = line_;
  } else {
    pending_ += '\n';
  }
  pending_ += line;
  if (line.contains(';') && sqlite3_complete(pending_.c_str())) return std::exchange(pending_, {});
  if (is_blank_sql(pending_)) pending_.clear();
  return std::nullopt;
}

std::string StatementReader::take_rest() {
  auto rest = std::exchange(pending_, {});
  return is_blank_sql(rest) ? std::string() : rest;
}

}  // namespace osprey::agent::shell
