#include "server/api/export.h"

#include <fmt/format.h>

#include <utility>

#include "server/api/json.h"
#include "server/api/streaming.h"

namespace osprey::server::api {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostColumns = 1000;
constexpr std::size_t kMostColumnBytes = 64 << 10;  // of their names

std::string_view view(const json::string& text) { return {text.data(), text.size()}; }

// A value as a field has it.
std::string text_of(const json::value& value) {
  if (value.is_null()) return {};
  if (const auto* text = value.if_string()) return std::string(view(*text));
  if (const auto* fraction = value.if_double()) return fmt::format("{}", *fraction);
  return json::serialize(value);
}

http::Response head_of(ExportFormat format, std::string_view name) {
  constexpr std::string_view kTypes[] = {"text/csv; charset=utf-8", "application/json", "application/jsonl"};
  return {.content_type = std::string(kTypes[static_cast<std::size_t>(format)]),
          .headers = {{"content-disposition", fmt::format("attachment; filename=\"{}.{}\"", name, name_of(format))},
                      {"cache-control", "no-store"}}};
}

}  // namespace

void ExportWriter::learn(const json::object& columns) {
  if (format_ != ExportFormat::csv || begun_) return;
  for (const auto& column : columns) {
    const std::string_view name(column.key().data(), column.key().size());
    if (columns_.size() == kMostColumns || column_bytes_ + name.size() > kMostColumnBytes) return;
    if (!places_.emplace(name, columns_.size()).second) continue;
    columns_.emplace_back(name);
    column_bytes_ += name.size();
  }
}

void ExportWriter::add(const json::object& row) {
  begin();
  if (format_ == ExportFormat::csv) return add_record(row);
  if (format_ == ExportFormat::json) text_ += any_ ? ",\n" : "\n";
  any_ = true;
  text_ += json::serialize(row);
  if (format_ == ExportFormat::jsonl) text_ += '\n';
}

void ExportWriter::end() {
  begin();
  if (format_ == ExportFormat::json) text_ += "\n]\n";
}

void ExportWriter::begin() {
  if (std::exchange(begun_, true)) return;
  if (format_ == ExportFormat::json) text_ += '[';
  if (format_ != ExportFormat::csv) return;
  for (const auto name : fixed_) add_field(name);
  for (const auto& name : columns_) add_field(name);
  text_ += "other\r\n";
}

void ExportWriter::add_record(const json::object& row) {
  const auto member = [&](std::string_view name) {
    const auto* value = row.if_contains(name);
    return value ? text_of(*value) : std::string();
  };
  for (const auto name : fixed_) add_field(member(name));
  std::vector<std::string> fields(columns_.size());
  json::object other;
  const auto* columns = row.if_contains("columns");
  if (columns && columns->is_object())
    for (const auto& [name, value] : columns->get_object()) {
      const auto place = places_.find(std::string(name.data(), name.size()));
      if (place == places_.end())
        other[name] = value;
      else
        fields[place->second] = text_of(value);
    }
  for (const auto& field : fields) add_field(field);
  if (other.empty())
    add_field(member("raw"));
  else
    add_field(json::serialize(other));
  text_.back() = '\r';
  text_ += '\n';
}

// A field and a comma behind it.
void ExportWriter::add_field(std::string_view field) {
  if (field.find_first_of("\",\r\n") == field.npos) {
    text_ += field;
  } else {
    text_ += '"';
    for (const char c : field) {
      if (c == '"') text_ += '"';
      text_ += c;
    }
    text_ += '"';
  }
  text_ += ',';
}

void export_rows(std::string_view name, ExportWriter writer, ExportSource source, http::Responder responder) {
  auto head = head_of(writer.format(), name);
  auto next = [writer = std::move(writer), source = std::move(source)](std::string& piece) mutable -> Result<bool> {
    const bool more = TRY(source(writer));
    if (!more) writer.end();
    piece = writer.take();
    return more;
  };
  stream_body(std::move(head), std::move(next), std::move(responder));
}

}  // namespace osprey::server::api
