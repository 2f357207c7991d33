#include "server/api/endpoint.h"

#include <algorithm>

#include "base/percent.h"

namespace osprey::server::api {
namespace {

constexpr std::size_t kMostDepth = 32;  // of a body's JSON

// The names in a pattern's braces, in order.
std::vector<std::string_view> names_in(std::string_view path) {
  std::vector<std::string_view> names;
  while (take_until(path, '{'), !path.empty()) names.push_back(take_until(path, '}'));
  return names;
}

// Of a query string, where a plus sign stands for a blank (WHATWG URL, "application/x-www-form-urlencoded").
std::optional<std::string> form_decoded(std::string_view text) {
  std::string with_blanks(text);
  std::ranges::replace(with_blanks, '+', ' ');
  return percent_decoded(with_blanks);
}

// Where the text is not what the member wants, it stays text for the reader to complain of.
json::value from_text(std::string text, Shape shape) {
  if (shape == Shape::boolean && (text == "true" || text == "false")) return text == "true";
  if (shape == Shape::number) {
    if (const auto whole = parse<std::int64_t>(text)) return *whole;
    if (const auto number = parse_double(text)) return *number;
  }
  return json::value(text);
}

void add_parameter(json::object& object, const Member& member, std::string text) {
  if (member.shape != Shape::list) {
    object[member.name] = from_text(std::move(text), member.shape);
    return;
  }
  auto& list = object[member.name];
  if (!list.is_array()) list.emplace_array();
  const auto whole = parse<std::int64_t>(text);
  list.get_array().push_back(whole ? json::value(*whole) : json::value(text));
}

bool has_body(http::Method method) {
  return method == http::Method::post || method == http::Method::put || method == http::Method::patch;
}

void read_query(std::string_view query, std::span<const Member> members, json::object& object,
                std::vector<Fault>& faults) {
  while (!query.empty()) {
    auto value = take_until(query, '&');
    if (value.empty()) continue;
    const auto raw = take_until(value, '=');
    const auto name = form_decoded(raw);
    auto text = form_decoded(value);
    if (!name || !text) {
      faults.push_back({"/" + std::string(raw), "is not percent-encoded as RFC 3986 has it"});
      continue;
    }
    const auto member = std::ranges::find(members, std::string_view(*name), &Member::name);
    add_parameter(object, member == members.end() ? Member{*name, Shape::text} : *member, std::move(*text));
  }
}

void read_body(const http::Request& request, json::object& object, std::vector<Fault>& faults) {
  boost::system::error_code failed;
  const auto body = json::parse(request.body, failed, {}, {.max_depth = kMostDepth});
  if (failed)
    faults.push_back({"", "the body is not JSON: " + failed.message()});
  else if (!body.is_object())
    faults.push_back({"", "an object is wanted as the body"});
  else
    object = body.get_object();
}

json::object parameter(std::string_view name, std::string_view place, json::object schema, bool required) {
  json::object made{{"name", name}, {"in", place}, {"required", required}};
  if (const auto* help = schema.if_contains("description")) {
    made["description"] = *help;
    schema.erase("description");
  }
  made["schema"] = std::move(schema);
  return made;
}

}  // namespace

json::object request_object(const http::Request& request, std::string_view path, std::span<const Member> members,
                            std::vector<Fault>& faults) {
  json::object object;
  if (!has_body(request.method))
    read_query(request.query, members, object, faults);
  else if (!request.body.empty())
    read_body(request, object, faults);
  const auto names = names_in(path);
  for (std::size_t i = 0; i < names.size() && i < request.parameters.size(); ++i) {
    const auto member = std::ranges::find(members, names[i], &Member::name);
    if (member == members.end()) continue;
    if (object.contains(names[i])) faults.push_back({"/" + std::string(names[i]), "stands in the path already"});
    add_parameter(object, *member, request.parameters[i]);
  }
  return object;
}

void describe_request(json::object& operation, http::Method method, std::string_view path, json::object schema) {
  auto& properties = schema["properties"].as_object();
  json::array parameters;
  const auto is_required = [&](std::string_view name) {
    const auto* required = schema.if_contains("required");
    return required &&
           std::ranges::any_of(required->as_array(), [&](const auto& each) { return each.as_string() == name; });
  };
  for (const auto name : names_in(path)) {
    auto* property = properties.if_contains(name);
    parameters.push_back(
        parameter(name, "path", property ? property->as_object() : json::object{{"type", "string"}}, true));
    properties.erase(name);
    if (auto* required = schema.if_contains("required")) {
      auto& left = required->as_array();
      left.erase(std::remove(left.begin(), left.end(), json::value(name)), left.end());
    }
  }
  if (has_body(method)) {
    if (!properties.empty()) {
      const bool required = schema.contains("required") && !schema["required"].as_array().empty();
      if (!required) schema.erase("required");
      operation["requestBody"] = json::object{
          {"required", required}, {"content", json::object{{"application/json", json::object{{"schema", schema}}}}}};
    }
  } else {
    for (const auto& property : properties)
      parameters.push_back(
          parameter(property.key(), "query", property.value().as_object(), is_required(property.key())));
  }
  if (!parameters.empty()) operation["parameters"] = std::move(parameters);
}

void describe_response(json::object& operation, unsigned status, std::string_view content_type, json::object schema) {
  json::object response{{"description", status == 204 ? "Done." : status == 201 ? "Made." : "The answer."}};
  const json::object path{{"schema", json::object{{"type", "string"}}}, {"description", "Path of what was made."}};
  if (status == 201) response["headers"] = json::object{{"Location", path}};
  if (!content_type.empty()) {
    auto& content = response["content"].emplace_object();
    for (const auto type : split(content_type, ',')) {
      // A stream is text, unless it is JSON: then it may be anything.
      const bool is_any = schema == json::object{{"type", "string"}} && trim(type) == "application/json";
      content[trim(type)] = json::object{{"schema", is_any ? json::object() : schema}};
    }
  }
  operation["responses"] = json::object{{std::to_string(status), std::move(response)}};
}

http::Response json_response(unsigned status, const json::value& body) {
  return {.status = status, .body = json::serialize(body)};
}

}  // namespace osprey::server::api
