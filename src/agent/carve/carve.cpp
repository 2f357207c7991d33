#include "agent/carve/carve.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>

namespace osprey::agent {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 8> kNames = {
    "SCHEDULED",           "STARTING",       "PENDING",         "SUCCESS",
    "CREATE PATHS FAILED", "ARCHIVE FAILED", "COMPRESS FAILED", "DATA POST FAILED"};

std::string text(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::int64_t number(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value && value->is_int64() ? value->get_int64() : 0;
}

}  // namespace

std::string_view name_of(Carve::Status status) noexcept { return kNames[static_cast<std::size_t>(status)]; }

std::string Carve::joined_paths() const { return fmt::format("{}", fmt::join(paths, ",")); }

std::string encode(const Carve& carve) {
  json::object object;
  object["carve_guid"] = carve.guid;
  object["request_id"] = carve.request_id;
  object["time"] = carve.time;
  object["paths"] = json::array(carve.paths.begin(), carve.paths.end());
  object["status"] = name_of(carve.status);
  object["size"] = carve.size;
  object["sha256"] = carve.sha256;
  object["error"] = carve.error;
  object["session"] = carve.session;
  object["block_size"] = carve.block_size;
  return json::serialize(object);
}

std::optional<Carve> parse_carve(std::string_view encoded) {
  boost::system::error_code error;
  const auto parsed = json::parse(encoded, error);
  const auto* object = parsed.if_object();
  if (error || !object) return std::nullopt;
  const auto status = std::ranges::find(kNames, text(*object, "status"));
  if (status == kNames.end()) return std::nullopt;
  Carve carve;
  carve.status = static_cast<Carve::Status>(status - kNames.begin());
  carve.guid = text(*object, "carve_guid");
  carve.request_id = text(*object, "request_id");
  carve.time = number(*object, "time");
  if (const auto* paths = object->if_contains("paths"); paths && paths->is_array())
    for (const auto& path : paths->get_array())
      if (path.is_string()) carve.paths.emplace_back(path.get_string());
  carve.size = number(*object, "size");
  carve.sha256 = text(*object, "sha256");
  carve.error = text(*object, "error");
  carve.session = text(*object, "session");
  carve.block_size = static_cast<std::uint64_t>(std::max<std::int64_t>(number(*object, "block_size"), 0));
  return carve;
}

}  // namespace osprey::agent
