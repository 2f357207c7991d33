#include "server/results/line.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>

#include "base/json.h"
#include "base/text.h"
#include "server/db/text.h"

namespace osprey::server::results {

namespace json = boost::json;

namespace {

// A line of 1 MiB can hold a third of a million empty rows; what has more than this is kept whole.
constexpr std::size_t kRowsOfLine = 65'536;

// What a line's keys may be besides decorations that stand at the top level.
constexpr std::string_view kKeys[] = {"name",     "hostIdentifier", "calendarTime", "unixTime", "epoch",
                                      "counter",  "numerics",       "decorations",  "columns",  "action",
                                      "snapshot", "diffResults",    "severity",     "filename", "line",
                                      "message",  "version",        "hostname",     "s",        "log_type"};

std::string_view view(const json::string& text) { return {text.data(), text.size()}; }

// Never looks like a whole number.
std::string fraction_text(double fraction) {
  std::string text = fmt::format("{}", fraction);
  if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
  return text;
}

// Boost's own writer passes on bytes that are not UTF-8. The parser has bounded the depth.
std::string array_text(const json::array& array);
std::string object_text(const json::object& object, Tokens* tokens);

// A value as people see it: text without quotes, numbers as JSON writes them.
std::string text_of(const json::value& value) {
  switch (value.kind()) {
    case json::kind::string: {
      const std::string_view text = view(value.get_string());
      return db::is_storable(text) ? std::string(text) : db::storable(text);
    }
    case json::kind::int64:
      return fmt::format("{}", value.get_int64());
    case json::kind::uint64:
      return fmt::format("{}", value.get_uint64());
    case json::kind::double_:
      return fraction_text(value.get_double());
    case json::kind::bool_:
      return value.get_bool() ? "true" : "false";
    case json::kind::null:
      return "";
    case json::kind::array:
      return array_text(value.get_array());
    default:
      return object_text(value.get_object(), nullptr);
  }
}

void append_value(std::string& out, const json::value& value, const std::string& text) {
  switch (value.kind()) {
    case json::kind::double_:
      // What is beyond a double has become one of those that JSON cannot say.
      std::isfinite(value.get_double()) ? void(out += text) : append_json_string(out, text);
      break;
    case json::kind::string:
      append_json_string(out, text);
      break;
    case json::kind::null:
      out += "null";
      break;
    default:
      out += text;
  }
}

std::string key_text(std::string_view key) { return db::is_storable(key) ? std::string(key) : db::storable(key); }

std::string array_text(const json::array& array) {
  std::string out = "[";
  for (const json::value& element : array) {
    if (out.size() > 1) out += ',';
    append_value(out, element, text_of(element));
  }
  return out += ']';
}

// The object as compact JSON of ours, the tokens of its members beside it.
std::string object_text(const json::object& object, Tokens* tokens) {
  std::string out = "{";
  for (const auto& member : object) {
    const std::string key = key_text({member.key().data(), member.key().size()});
    const std::string text = text_of(member.value());
    if (out.size() > 1) out += ',';
    append_json_string(out, key);
    out += ':';
    append_value(out, member.value(), text);
    if (tokens) tokens->push_back(token_of_column(key, text));
  }
  return out += '}';
}

// Numbers come as numbers or, from some agents, as text.
std::int64_t number(const json::object& line, std::string_view key) {
  const json::value* value = line.if_contains({key.data(), key.size()});
  if (!value) return 0;
  if (const auto* number = value->if_int64()) return *number;
  if (const auto* text = value->if_string()) return parse<std::int64_t>(view(*text)).value_or(0);
  if (const auto* fraction = value->if_double(); fraction && *fraction > -9e18 && *fraction < 9e18)
    return static_cast<std::int64_t>(*fraction);
  return 0;
}

std::int64_t to_ms(std::int64_t seconds) {
  constexpr std::int64_t kMost = INT64_MAX / 1000;
  return std::clamp(seconds, -kMost, kMost) * 1000;
}

std::string_view string_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains({key.data(), key.size()});
  const json::string* text = value ? value->if_string() : nullptr;
  return text ? view(*text) : std::string_view();
}

// Those under their own key and those that the agent was told to put at the top level.
std::string decorations_of(const json::object& line) {
  json::object all;
  if (const auto* nested = line.if_contains("decorations"); nested && nested->is_object()) all = nested->get_object();
  for (const auto& member : line)
    if (std::ranges::find(kKeys, std::string_view(member.key().data(), member.key().size())) == std::end(kKeys))
      all[member.key()] = member.value();
  return all.empty() ? std::string() : object_text(all, nullptr);
}

std::optional<Action> action_of(std::string_view name) {
  for (const Action action : {Action::added, Action::removed, Action::snapshot})
    if (name == name_of(action)) return action;
  return std::nullopt;
}

// Rows of one action: a list of objects. Older agents send "" for an empty one.
bool append_list(const json::value* list, const Row& like, Action action, std::vector<Row>& rows, Tokens& tokens) {
  if (!list || (list->is_string() && list->get_string().empty())) return true;
  if (!list->is_array() || list->get_array().size() > kRowsOfLine) return false;
  for (const json::value& element : list->get_array()) {
    if (!element.is_object()) return false;
    Row& row = rows.emplace_back(like);
    row.action = action;
    row.columns = object_text(element.get_object(), &tokens);
  }
  return true;
}

// Event, snapshot and batch lines. False: it is none of them, and rows may have been appended.
bool append_result(const json::object& line, const Row& like, std::vector<Row>& rows, Tokens& tokens) {
  const std::size_t before = rows.size();
  Action of_empty = Action::none;
  if (const json::value* columns = line.if_contains("columns")) {
    const auto action = action_of(string_at(line, "action"));
    if (!columns->is_object() || !action) return false;
    Row& row = rows.emplace_back(like);
    row.action = *action;
    row.columns = object_text(columns->get_object(), &tokens);
  } else if (const json::value* snapshot = line.if_contains("snapshot")) {
    of_empty = Action::snapshot;
    if (!append_list(snapshot, like, Action::snapshot, rows, tokens)) return false;
  } else if (const json::value* changes = line.if_contains("diffResults"); changes && changes->is_object()) {
    const json::object& both = changes->get_object();
    if (!append_list(both.if_contains("removed"), like, Action::removed, rows, tokens) ||
        !append_list(both.if_contains("added"), like, Action::added, rows, tokens))
      return false;
  } else {
    return false;
  }
  if (rows.size() == before) {
    Row& row = rows.emplace_back(like);
    row.kind = Kind::empty;
    row.action = of_empty;
  }
  return true;
}

bool append_status(const json::object& line, Row row, std::vector<Row>& rows, Tokens& tokens) {
  const std::int64_t severity = line.contains("severity") ? number(line, "severity") : -1;
  if (severity < 0 || severity > 3 || !line.contains("message")) return false;
  row.kind = Kind::status;
  row.severity = static_cast<std::int8_t>(severity);
  row.name.clear();
  json::object columns;
  for (const char* key : {"filename", "line", "message", "version"})
    if (const json::value* value = line.if_contains(key)) columns[key] = *value;
  row.columns = object_text(columns, &tokens);
  rows.push_back(std::move(row));
  return true;
}

bool append_parsed(std::string_view text, bool status, std::vector<Row>& rows, Tokens& tokens) {
  json::monotonic_resource memory;
  json::parse_options options;
  options.allow_invalid_utf8 = true;
  json::error_code error;
  const json::value value = json::parse({text.data(), text.size()}, error, &memory, options);
  const json::object* line = error ? nullptr : value.if_object();
  if (!line) return false;
  Row like;
  like.unix_ms = to_ms(number(*line, "unixTime"));
  like.decorations = decorations_of(*line);
  if (status) return append_status(*line, std::move(like), rows, tokens);
  like.epoch = number(*line, "epoch");
  like.counter = number(*line, "counter");
  like.name = key_text(string_at(*line, "name"));
  if (like.name.empty()) return false;
  tokens.push_back(token_of_query(like.name));
  return append_result(*line, like, rows, tokens);
}

// FNV-1a, then mixed so that all bits depend on all bytes. Filters in the database are made of it: never change it.
std::uint64_t hash(char kind, std::string_view first, std::string_view second) noexcept {
  std::uint64_t h = 0xcbf29ce484222325;
  const auto add = [&h](std::string_view text) {
    for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  };
  add({&kind, 1});
  add(first);
  add({"", 1});  // NUL, which neither can hold
  add(second);
  h ^= h >> 32;
  h *= 0xd6e8feb86659fd93;
  h ^= h >> 32;
  h *= 0xd6e8feb86659fd93;
  return h ^ (h >> 32);
}

}  // namespace

std::string_view name_of(Kind kind) noexcept {
  constexpr std::string_view kNames[] = {"row", "empty", "raw", "status"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string_view name_of(Action action) noexcept {
  constexpr std::string_view kNames[] = {"", "added", "removed", "snapshot"};
  return kNames[static_cast<std::size_t>(action)];
}

std::uint64_t token_of_column(std::string_view column, std::string_view value) noexcept {
  return hash('c', column, value);
}

std::uint64_t token_of_query(std::string_view name) noexcept { return hash('q', name, {}); }

void append_rows(std::string_view line, bool status, std::vector<Row>& rows, Tokens& tokens) {
  const std::size_t rows_before = rows.size();
  const std::size_t tokens_before = tokens.size();
  if (append_parsed(line, status, rows, tokens)) return;
  rows.resize(rows_before);
  tokens.resize(tokens_before);
  Row& row = rows.emplace_back();
  row.kind = Kind::raw;
  row.columns = key_text(line);
}

std::vector<std::pair<std::string, std::string>> columns_of(std::string_view columns) {
  std::vector<std::pair<std::string, std::string>> found;
  json::error_code error;
  const json::value value = json::parse({columns.data(), columns.size()}, error);
  if (error || !value.is_object()) return found;
  for (const auto& member : value.get_object())
    found.emplace_back(std::string_view(member.key().data(), member.key().size()), text_of(member.value()));
  return found;
}

void append_tokens(const Row& row, Tokens& tokens) {
  if (!row.name.empty()) tokens.push_back(token_of_query(row.name));
  if (row.kind == Kind::raw) return;
  for (const auto& [column, value] : columns_of(row.columns)) tokens.push_back(token_of_column(column, value));
}

}  // namespace osprey::server::results
