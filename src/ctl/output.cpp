#include "ctl/output.h"

#include <algorithm>

#include "base/json.h"
#include "base/text.h"

namespace osprey::ctl {
namespace {

namespace json = boost::json;

constexpr std::size_t kWidestCell = 60;  // to which a column is aligned; longer text just goes on
constexpr std::size_t kStep = 8;         // by which a column grows whose head has been written
constexpr std::size_t kMostKept = 1000;  // rows of a table that goes on

std::string quoted_csv(const std::string& cell) {
  if (cell.find_first_of("\",\r\n") == cell.npos) return cell;
  std::string made = "\"";
  for (const char c : cell) {
    if (c == '"') made += '"';
    made += c;
  }
  return made + '"';
}

void append_pretty(std::string& out, const json::value& value, std::size_t depth) {
  const auto indent = [&](std::size_t by) { out.append("\n").append(2 * by, ' '); };
  if (const auto* object = value.if_object(); object && !object->empty()) {
    out += '{';
    for (bool first = true; const auto& member : *object) {
      if (!std::exchange(first, false)) out += ',';
      indent(depth + 1);
      append_json_string(out, member.key());
      out += ": ";
      append_pretty(out, member.value(), depth + 1);
    }
    indent(depth);
    out += '}';
  } else if (const auto* array = value.if_array(); array && !array->empty()) {
    out += '[';
    for (bool first = true; const auto& each : *array) {
      if (!std::exchange(first, false)) out += ',';
      indent(depth + 1);
      append_pretty(out, each, depth + 1);
    }
    indent(depth);
    out += ']';
  } else {
    out += json::serialize(value);
  }
}

const json::value& within(const json::value& item, std::string_view path) {
  static const json::value none;
  const json::value* at = &item;
  while (!path.empty()) {
    const auto name = take_until(path, '.');
    const auto* object = at->if_object();
    at = object ? object->if_contains(name) : nullptr;
    if (!at) return none;
  }
  return *at;
}

}  // namespace

std::string cell_text(const json::value& value) {
  if (value.is_null()) return "";
  if (const auto* text = value.if_string()) return std::string(*text);
  if (const auto* truth = value.if_bool()) return *truth ? "yes" : "no";
  if (const auto* array = value.if_array();
      array && std::ranges::all_of(*array, [](const auto& each) { return each.is_string(); })) {
    std::string joined;
    for (const auto& each : *array)
      joined.append(joined.empty() ? "" : ",").append(std::string_view(each.get_string()));
    return joined;
  }
  return json::serialize(value);
}

std::string pretty_json(const json::value& value) {
  std::string out;
  append_pretty(out, value, 0);
  return out;
}

bool Rows::add(const std::vector<std::string>& columns, const std::vector<std::string>& cells,
               const json::value& whole) {
  ++count_;
  switch (format_) {
    case Format::jsonl:
      terminal_.write(json::serialize(whole) + "\n");
      return true;
    case Format::json:
      terminal_.write((count_ == 1 ? "[\n" : ",\n") + json::serialize(whole));
      return true;
    case Format::csv:
      return add_csv(columns, cells);
    case Format::table:
      add_table(columns, cells);
  }
  return true;
}

bool Rows::add_csv(const std::vector<std::string>& columns, const std::vector<std::string>& cells) {
  if (columns_.empty()) write_csv_row(columns_ = columns);
  if (columns == columns_) {
    write_csv_row(cells);
    return true;
  }
  bool whole = true;
  std::vector<std::string> fitted(columns_.size());
  for (std::size_t i = 0; i < columns.size() && i < cells.size(); ++i) {
    const auto found = std::ranges::find(columns_, columns[i]);
    if (found == columns_.end())
      whole = false;
    else
      fitted[static_cast<std::size_t>(found - columns_.begin())] = cells[i];
  }
  write_csv_row(fitted);
  return whole;
}

void Rows::write_csv_row(const std::vector<std::string>& cells) {
  std::string line;
  for (const auto& cell : cells) line.append(&cell == cells.data() ? "" : ",").append(quoted_csv(cell));
  terminal_.write(line + "\n");
}

void Rows::add_table(const std::vector<std::string>& columns, const std::vector<std::string>& cells) {
  if (columns != columns_) {
    flush();
    head_written_ = false;
    columns_ = columns;
    widths_.assign(columns.size(), 0);
    for (std::size_t i = 0; i < columns.size(); ++i) widen(i, width_of(printable(columns[i])));
  }
  std::vector<std::string> shown;
  for (const auto& cell : cells) {
    shown.push_back(printable(cell));
    widen(shown.size() - 1, width_of(shown.back()));
  }
  kept_.push_back(std::move(shown));
  if (!keeps_ && kept_.size() >= kMostKept) flush();
}

// What has been seen already keeps its width, so a column grows by steps and seldom.
void Rows::widen(std::size_t column, std::size_t width) {
  if (column >= widths_.size() || width <= widths_[column]) return;
  if (head_written_) width = (width + kStep - 1) / kStep * kStep;
  widths_[column] = std::max(widths_[column], std::min(width, kWidestCell));
}

void Rows::flush() {
  if (kept_.empty()) return;
  if (!std::exchange(head_written_, true)) write_table_row(columns_, Colour::bold);
  for (const auto& row : kept_) write_table_row(row, Colour::plain);
  kept_.clear();
}

void Rows::write_table_row(const std::vector<std::string>& cells, Colour colour) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const auto cell = printable(cells[i]);
    line += cell;
    const auto width = width_of(cell);
    if (i + 1 < cells.size()) line.append(2 + (widths_[i] > width ? widths_[i] - width : 0), ' ');
  }
  terminal_.write(trim_right(line), colour);
  terminal_.write("\n");
}

void Rows::finish() {
  if (format_ == Format::json) terminal_.write(count_ == 0 ? "[]\n" : "\n]\n");
  flush();
}

void add_item(Rows& rows, const std::vector<Column>& columns, const json::value& item) {
  std::vector<std::string> titles;
  std::vector<std::string> cells;
  for (const auto& column : columns) {
    titles.push_back(column.title);
    cells.push_back(cell_text(within(item, column.member)));
  }
  rows.add(titles, cells, item);
}

}  // namespace osprey::ctl
