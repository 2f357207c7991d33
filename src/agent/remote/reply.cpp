#include "agent/remote/reply.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/text.h"

namespace osprey::agent {
namespace {

namespace json = boost::json;

constexpr std::size_t kLongestNodeKey = 4096;
constexpr std::size_t kLongestQuote = 200;  // of what the server says, in a message of ours

using Fault = std::unexpected<ReplyFault>;

Fault fault(std::string reason) { return Fault(ReplyFault{std::move(reason)}); }

bool is_control(char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }

// On one line, and not much of it.
std::string quoted(std::string_view text) {
  std::string quote = escape_invalid_utf8(trim(text.substr(0, kLongestQuote)));
  std::ranges::replace_if(quote, is_control, ' ');
  return text.size() > kLongestQuote ? quote + "…" : quote;
}

std::string said(const json::value& error) {
  const auto* text = error.if_string();
  return quoted(text ? std::string_view(*text) : std::string_view(json::serialize(error)));
}

std::expected<json::object, ReplyFault> judge(long status, std::string_view body, const ReplyRules& rules) {
  const bool good_status = status >= 200 && status < 300;
  const bool success = rules.osquery_compatible || good_status;
  if (body.empty()) {
    if (success) return json::object();
    return fault(fmt::format("HTTP status {} without a word why", status));
  }
  if (rules.document && !trim_left(body).starts_with('{')) {
    if (good_status) return json::object();
    return fault(fmt::format("HTTP status {}: {}", status, quoted(body)));
  }
  json::parse_options options;
  options.allow_invalid_utf8 = true;  // SQL and paths are bytes
  json::error_code error;
  auto reply = json::parse(body, error, {}, options);
  if (error) {
    if (rules.osquery_compatible) return fault("Cannot parse JSON: " + error.message());
    return fault(
        fmt::format("HTTP status {}, and the body is no JSON ({}): {}", status, error.message(), quoted(body)));
  }
  if (!reply.is_object()) {
    if (rules.osquery_compatible) return json::object();
    return fault(fmt::format("HTTP status {}, and the body is JSON but no object: {}", status, quoted(body)));
  }
  auto& members = reply.get_object();
  if (rules.evaluate) {
    const auto* invalid = members.if_contains("node_invalid");
    if (invalid && invalid->is_bool() && invalid->get_bool())
      return Fault(ReplyFault{"the server does not know this host's node key", true});
    if (const auto* refusal = members.if_contains("error")) return fault("the server says: " + said(*refusal));
  }
  if (!success) return fault(fmt::format("HTTP status {}: {}", status, quoted(body)));
  return std::move(members);
}

}  // namespace

std::expected<json::object, ReplyFault> read_reply(long status, std::string_view body, const ReplyRules& rules) {
  constexpr long kPayloadTooLarge = 413;
  auto reply = judge(status, body, rules);
  if (!reply) reply.error().too_large = status == kPayloadTooLarge;
  return reply;
}

std::expected<std::string, ReplyFault> read_node_key(const json::object& reply, bool osquery_compatible) {
  for (const auto* name : {"node_key", "id"}) {
    const auto* key = reply.if_contains(name);
    if (!key || !key->is_string() || key->get_string().empty()) continue;
    const std::string_view text = key->get_string();
    if (text.size() > kLongestNodeKey || std::ranges::any_of(text, is_control))
      return fault("the node key it gives cannot be one: too long, or with control characters");
    return std::string(text);
  }
  if (osquery_compatible) return fault("No node key returned from TLS enroll plugin");
  const auto* refusal = reply.if_contains("error");
  return fault(refusal ? "the server says: " + said(*refusal) : "the server gives no node key");
}

}  // namespace osprey::agent
