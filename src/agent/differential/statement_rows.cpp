#include "agent/differential/statement_rows.h"

#include <algorithm>
#include <map>

#include "protocol/result_row.h"

namespace osprey::agent {

StatementRows::StatementRows(std::string_view null_value, bool escaped) : escaped_(escaped) {
  null_value_ = text(null_value);
}

std::string_view StatementRows::text(std::string_view bytes) {
  return escaped_ ? protocol::differential_text(bytes, scratch_) : bytes.substr(0, bytes.find('\0'));
}

void StatementRows::look_at(const sql::Statement& statement) {
  std::map<std::string_view, std::size_t> by_name;
  for (std::size_t i = 0; i < statement.size(); ++i) by_name[statement.column_name(i)] = i;
  columns_.clear();
  for (const auto& [name, index] : by_name) columns_.push_back({std::string(name), index});
  statement_ = statement.id();
}

std::uint64_t StatementRows::append(const sql::Statement& statement, std::string& out) {
  if (statement.id() != statement_) look_at(statement);
  protocol::RowEncoder encoder(out);
  std::uint64_t bytes = 0;
  const auto add_text = [&](const Column& column, std::string_view value) {
    encoder.text(column.name, value);
    bytes += column.name.size() + value.size();
  };
  for (const auto& column : columns_) {
    switch (statement.type(column.index)) {
      case sql::ValueType::integer:
        encoder.integer(column.name, statement.integer(column.index));
        bytes += column.name.size() + sizeof(std::int64_t);
        break;
      case sql::ValueType::real:
        encoder.real(column.name, statement.real(column.index));
        bytes += column.name.size() + sizeof(double);
        break;
      case sql::ValueType::null:
        add_text(column, null_value_);
        break;
      case sql::ValueType::text:
      case sql::ValueType::blob:
        add_text(column, text(statement.text(column.index)));
        break;
    }
  }
  return bytes;
}

}  // namespace osprey::agent
