#include "agent/distributed/json_rows.h"

#include <map>

#include "base/json.h"
#include "protocol/result_row.h"

namespace osprey::agent {
namespace {

protocol::RowColumn value_of(const sql::Statement& statement, std::size_t index) {
  using Kind = protocol::RowColumn::Kind;
  protocol::RowColumn column;
  switch (statement.type(index)) {
    case sql::ValueType::integer:
      column.kind = Kind::integer;
      column.integer = statement.integer(index);
      break;
    case sql::ValueType::real:
      column.kind = Kind::real;
      column.real = statement.real(index);
      break;
    case sql::ValueType::null:
      break;
    case sql::ValueType::text:
    case sql::ValueType::blob:
      column.text = statement.text(index);
      column.text = column.text.substr(0, column.text.find('\0'));  // osquery's values are C strings
      break;
  }
  return column;
}

}  // namespace

void JsonRows::look_at(const sql::Statement& statement) {
  std::map<std::string_view, std::size_t> places;
  columns_.clear();
  for (std::size_t i = 0; i < statement.size(); ++i) {
    const auto name = statement.column_name(i);
    if (const auto [place, fresh] = places.try_emplace(name, columns_.size()); !fresh) {
      columns_[place->second].index = i;
      continue;
    }
    auto& column = columns_.emplace_back(std::string(), i);
    append_json_string(column.key, name);
    column.key += ':';
  }
  statement_ = statement.id();
}

void JsonRows::append(const sql::Statement& statement, std::string& out) {
  if (statement.id() != statement_) look_at(statement);
  char before = '{';
  for (const auto& column : columns_) {
    out += std::exchange(before, ',');
    out += column.key;
    protocol::append_json_value(out, value_of(statement, column.index), false);
  }
  out += '}';
}

}  // namespace osprey::agent
