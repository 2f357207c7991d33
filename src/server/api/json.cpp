#include "server/api/json.h"

#include <fmt/format.h>

#include "base/utf8.h"

namespace osprey::server::api {

std::optional<std::int64_t> Reader::whole(const json::value& value) {
  if (value.is_int64()) return value.get_int64();
  // 1.0 is a whole number to JSON Schema.
  if (value.is_double() && std::abs(value.get_double()) < 0x1p53 &&
      std::trunc(value.get_double()) == value.get_double())
    return static_cast<std::int64_t>(value.get_double());
  return std::nullopt;
}

void Reader::fault(std::string message) { faults_.push_back({path_, std::move(message)}); }

bool Reader::within(std::int64_t size, Bounds bounds, std::string_view unit) {
  const auto of = unit.empty() ? std::string() : fmt::format(" {}", unit);
  if (size < bounds.least)
    fault(fmt::format("at least {}{} wanted, {} given", bounds.least, of, size));
  else if (size > bounds.most)
    fault(fmt::format("at most {}{} allowed, {} given", bounds.most, of, size));
  else
    return true;
  return false;
}

void Reader::unknown_member(std::string_view name, const std::vector<std::string_view>& names) {
  const auto near = nearest(name, names);
  faults_.push_back({path_ + '/' + pointer_token(name),
                     near ? fmt::format("is no member of this; did you mean \"{}\"?", *near) : "is no member of this"});
}

void Reader::unknown_word(const json::value& value, const std::vector<std::string_view>& names) {
  const auto near = value.is_string() ? nearest(value.get_string(), names) : std::nullopt;
  fault(near ? fmt::format("one of {} is wanted; did you mean \"{}\"?", fmt::join(names, ", "), *near)
             : fmt::format("one of {} is wanted", fmt::join(names, ", ")));
}

void Reader::read_scalar(const json::value& value, bool& into, Bounds) {
  if (value.is_bool())
    into = value.get_bool();
  else
    fault("true or false is wanted");
}

void Reader::read_scalar(const json::value& value, double& into, Bounds) {
  if (value.is_number())
    into = value.to_number<double>();
  else
    fault("a number is wanted");
}

void Reader::read_scalar(const json::value& value, std::string& into, Bounds bounds) {
  if (!value.is_string()) return fault("text is wanted");
  const std::string_view text = value.get_string();
  // Neither PostgreSQL nor what shows a line can carry it.
  if (text.find('\0') != text.npos) return fault("the character NUL is not allowed");
  if (!is_valid_utf8(text)) return fault("the text is not UTF-8");
  if (within(static_cast<std::int64_t>(characters(text)), bounds_or(bounds, kMostText), "characters")) into = text;
}

void Reader::read_scalar(const json::value& value, Timestamp& into, Bounds) {
  const auto time = value.is_string() ? from_rfc3339(value.get_string()) : std::nullopt;
  if (time)
    into = *time;
  else
    fault("a time is wanted as RFC 3339 has it: \"2026-11-22T14:03:05Z\"");
}

void Reader::read_scalar(const json::value& value, json::object& into, Bounds) {
  if (const auto* object = value.if_object())
    into = *object;
  else
    fault("an object is wanted");
}

}  // namespace osprey::server::api
