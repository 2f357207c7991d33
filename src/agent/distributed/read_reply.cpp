#include "agent/distributed/read_reply.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/value.hpp>
#include <string_view>

namespace osprey::agent {
namespace {

namespace json = boost::json;

constexpr std::int64_t kLongestAcceleration = 7 * 86400;  // seconds; what is longer is a mistake

// The member of that name if it is an object, else null; another type is a fault.
const json::object* object_member(const json::object& reply, std::string_view name, std::string& fault) {
  const auto* member = reply.if_contains(name);
  if (!member || member->is_null()) return nullptr;
  if (member->is_object()) return &member->get_object();
  fault = fmt::format("\"{}\" is not an object", name);
  return nullptr;
}

AskedQuery asked_query(std::string_view id, const json::value& sql, const json::value* discovery) {
  AskedQuery query;
  query.id = id;
  if (const auto* text = sql.if_string())
    query.sql = *text;
  else
    query.fault = "the query is not a text";
  if (!discovery) return query;
  if (const auto* text = discovery->if_string()) {
    query.discovery.emplace(*text);
  } else {
    query.fault = "its discovery query is not a text";
    query.discovery_fault = true;
  }
  return query;
}

}  // namespace

ReadReply parse_read_reply(const json::object& reply) {
  ReadReply parsed;
  const auto* discovery = object_member(reply, "discovery", parsed.fault);
  if (const auto* queries = object_member(reply, "queries", parsed.fault))
    for (const auto& [id, sql] : *queries)
      parsed.queries.push_back(asked_query(id, sql, discovery ? discovery->if_contains(id) : nullptr));
  // osquery takes whole numbers only.
  if (const auto* accelerate = reply.if_contains("accelerate"))
    if (accelerate->is_int64() || accelerate->is_uint64()) {
      const auto seconds = accelerate->is_int64() ? accelerate->get_int64() : kLongestAcceleration;
      parsed.accelerate.emplace(std::clamp<std::int64_t>(seconds, 0, kLongestAcceleration));
    }
  return parsed;
}

}  // namespace osprey::agent
