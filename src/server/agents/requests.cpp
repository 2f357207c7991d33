#include "server/agents/requests.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <map>

#include "base/base64.h"
#include "base/text.h"
#include "server/agents/raw_json.h"

namespace osprey::server::agents {
namespace {

namespace json = boost::json;

// Of host_details: more is not osquery's.
constexpr std::size_t kMostTables = 16;
constexpr std::size_t kMostColumns = 128;
constexpr std::size_t kMostValue = 4096;

std::unexpected<Error> not_json() { return failure("body", "must be a JSON object"); }

Result<json::object> read_object(std::string_view body) {
  boost::system::error_code code;
  auto value = json::parse(body, code);
  if (code || !value.is_object()) return not_json();
  return std::move(value.get_object());
}

// Text; a number's digits count as it. Missing or null: empty.
Result<std::string> text_member(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (!value || value->is_null()) return std::string();
  if (const auto* text = value->if_string()) return std::string(*text);
  if (value->is_number()) return json::serialize(*value);
  return failure(std::string(name), "must be text");
}

// A whole number, or text that is one.
Result<std::uint64_t> number_member(const json::object& object, std::string_view name) {
  const auto text = TRY(text_member(object, name));
  const auto number = parse<std::uint64_t>(text);
  if (!number) return failure(std::string(name), "must be a whole number, 0 or more");
  return *number;
}

// A value of host_details: text without the NUL bytes that osquery pads some with.
std::string detail_of(const json::value& value) {
  if (value.is_null()) return {};
  std::string text = value.is_string() ? std::string(value.get_string()) : json::serialize(value);
  std::erase(text, '\0');
  if (text.size() > kMostValue) text.resize(kMostValue);
  return text;
}

hosts::Details details_of(const json::object& tables) {
  hosts::Details details;
  for (const auto& table : tables) {
    const auto* row = table.value().if_object();
    if (!row || details.size() == kMostTables) continue;
    auto& columns = details[std::string(table.key())];
    for (const auto& column : *row)
      if (columns.size() < kMostColumns) columns.emplace(std::string(column.key()), detail_of(column.value()));
  }
  return details;
}

// The node key among the members of a body that is not parsed as a whole.
Result<void> take_text(std::string_view name, std::string_view raw, std::string& into) {
  if (raw == "null") return {};
  auto text = text_of(raw);
  if (!text) return failure(std::string(name), "must be text");
  into = std::move(*text);
  return {};
}

// The rows of an answer: text values stay as they came, others become text.
std::optional<std::string> rows_of(std::string_view raw) {
  if (raw == R"("")" || raw == "null") return "[]";  // old agents, for no rows
  if (is_rows_of_text(raw)) return std::string(raw);
  boost::system::error_code code;
  auto rows = json::parse(raw, code);
  if (code || !rows.is_array()) return std::nullopt;
  for (auto& row : rows.get_array()) {
    if (!row.is_object()) return std::nullopt;
    for (auto& member : row.get_object()) {
      auto& value = member.value();
      if (value.is_null())
        value = "";
      else if (!value.is_string())
        value = json::serialize(value);
    }
  }
  return json::serialize(rows);
}

// A number or text; whatever is not zero is a failure, what is no number too.
bool failed_by(std::string_view raw) {
  const auto text = text_of(raw);
  const auto number = parse_double(text ? std::string_view(*text) : raw);
  return !number || *number != 0;
}

class Answers {
 public:
  void rows(std::string_view id, std::string_view raw) {
    auto& answer = at(id);
    auto rows = rows_of(raw);
    if (rows) {
      answer.rows = std::move(*rows);
    } else {
      answer.failed = true;
      answer.message = "the host's answer is not a list of rows";
    }
  }
  void status(std::string_view id, std::string_view raw) { at(id).failed |= failed_by(raw); }
  void message(std::string_view id, std::string_view raw) {
    auto text = text_of(raw);
    if (text && !text->empty()) at(id).message = std::move(*text);
  }
  void stats(std::string_view id, std::string_view raw) {
    if (raw.starts_with('{') && is_valid_json(raw)) at(id).stats = raw;
  }
  std::vector<Answer> take() {
    std::vector<Answer> all;
    for (auto& [id, answer] : by_id_) all.push_back(std::move(answer));
    return all;
  }

 private:
  Answer& at(std::string_view id) {
    const auto found = by_id_.find(id);
    if (found != by_id_.end()) return found->second;
    return by_id_.emplace(std::string(id), Answer{.id = std::string(id), .rows = "[]", .stats = "{}"}).first->second;
  }
  std::map<std::string, Answer, std::less<>> by_id_;
};

}  // namespace

Result<enrollment::Request> read_enroll(std::string_view body, std::string_view secret_member) {
  const auto object = TRY(read_object(body));
  enrollment::Request request;
  request.secret = TRY(text_member(object, secret_member));
  request.identifier = TRY(text_member(object, "host_identifier"));
  request.platform_type = TRY(text_member(object, "platform_type"));
  if (const auto* details = object.if_contains("host_details"); details && !details->is_null()) {
    if (!details->is_object()) return failure("host_details", "must be an object");
    request.details = details_of(details->get_object());
  }
  return request;
}

Result<ConfigRequest> read_config(std::string_view body) {
  if (body.empty()) return ConfigRequest();
  const auto object = TRY(read_object(body));
  ConfigRequest request;
  request.node_key = TRY(text_member(object, "node_key"));
  request.etag = TRY(text_member(object, "etag"));
  return request;
}

Result<std::string> read_node_key(std::string_view body) {
  if (body.empty()) return std::string();
  const auto object = TRY(read_object(body));
  return text_member(object, "node_key");
}

Result<LogRequest> read_log(std::string_view body, std::size_t most_line) {
  LogRequest request;
  Result<void> fault;
  std::optional<std::string> type;
  std::string_view data;
  const auto is_object = each_member(body, [&](std::string_view name, std::string_view value) {
    if (!fault) return;
    if (name == "node_key") fault = take_text(name, value, request.node_key);
    if (name == "log_type") fault = take_text(name, value, type.emplace());
    if (name == "data") data = value;
  });
  if (!is_object) return not_json();
  TRY(fault);
  if (type != "result" && type != "status")
    return failure("log_type", type ? "'" + type->substr(0, 64) + "' is none of \"result\" and \"status\""
                                    : "is missing; it is \"result\" or \"status\"");
  request.status = type == "status";
  const auto is_list = each_item(data, [&](std::string_view line) {
    if (line.size() <= most_line && line.starts_with('{') && is_valid_json(line))
      request.lines.emplace_back(line);
    else
      ++request.dropped;
  });
  if (!is_list) return failure("data", "must be a list of objects");
  return request;
}

Result<WriteRequest> read_write(std::string_view body) {
  WriteRequest request;
  Result<void> fault;
  Answers answers;
  const auto each_of = [&](std::string_view name, std::string_view value,
                           void (Answers::*take)(std::string_view, std::string_view)) {
    if (value == "null") return;
    const bool good = each_member(value, [&](std::string_view id, std::string_view raw) { (answers.*take)(id, raw); });
    if (!good) fault = failure(std::string(name), "must be an object with a member for each query");
  };
  const auto is_object = each_member(body, [&](std::string_view name, std::string_view value) {
    if (!fault) return;
    if (name == "node_key") fault = take_text(name, value, request.node_key);
    if (name == "queries") each_of(name, value, &Answers::rows);
    if (name == "statuses") each_of(name, value, &Answers::status);
    if (name == "messages") each_of(name, value, &Answers::message);
    if (name == "stats") each_of(name, value, &Answers::stats);
  });
  if (!is_object) return not_json();
  TRY(fault);
  request.answers = answers.take();
  return request;
}

Result<CarveBegin> read_carve_begin(std::string_view body) {
  const auto object = TRY(read_object(body));
  CarveBegin request;
  request.node_key = TRY(text_member(object, "node_key"));
  request.start.block_count = TRY(number_member(object, "block_count"));
  request.start.block_size = TRY(number_member(object, "block_size"));
  request.start.carve_size = TRY(number_member(object, "carve_size"));
  request.start.carve_id = TRY(text_member(object, "carve_id"));
  request.start.request_id = TRY(text_member(object, "request_id"));
  return request;
}

Result<CarveBlock> read_carve_block(std::string_view body) {
  const auto object = TRY(read_object(body));
  CarveBlock request;
  request.node_key = TRY(text_member(object, "node_key"));
  request.session = TRY(text_member(object, "session_id"));
  request.block_id = TRY(number_member(object, "block_id"));
  const auto* data = object.if_contains("data");
  if (!data || !data->is_string()) return failure("data", "must be text in base64");
  auto bytes = from_base64(data->get_string());
  if (!bytes) return failure("data", "is not base64");
  request.data = std::move(*bytes);
  return request;
}

}  // namespace osprey::server::agents
