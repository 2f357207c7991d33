#include <fmt/format.h>

#include "server/api/endpoint.h"
#include "server/live/live.h"

namespace osprey::server {
namespace {

struct Request {
  live::Target target;
  std::vector<std::string> paths;
  std::int64_t expires_in_s = 3600;
  static constexpr auto fields() {
    return std::tuple(api::field("target", &Request::target, "Hosts that are asked."),
                      api::field("paths", &Request::paths, "Files; % stands for any name, %% for any below.",
                                 {.least = 1, .most = 100}),
                      api::field("expires_in_s", &Request::expires_in_s, "Seconds within which hosts may begin.",
                                 {.least = 1, .most = 30 * 86400, .has_default = true}));
  }
};

// SQL's way of saying text.
std::string quoted(std::string_view text) {
  std::string made = "'";
  for (const char c : text) {
    made += c;
    if (c == '\'') made += c;
  }
  return made + "'";
}

std::string query_for(const std::vector<std::string>& paths) {
  std::string any;
  for (const auto& path : paths)
    any += fmt::format("{}path {} {}", any.empty() ? "" : " OR ", path.find('%') == path.npos ? "=" : "LIKE",
                       quoted(path));
  return fmt::format("SELECT * FROM carves WHERE carve = 1 AND ({})", any);
}

Result<api::Created<live::Query>> handle(const Request& request, const api::Context& context) {
  for (const auto& path : request.paths)
    if (!path.starts_with('/')) return api::problem(api::kInvalid, path, "is no absolute path");
  auto asked = TRY(context.services.live->ask({.sql = query_for(request.paths),
                                               .name = "carve",
                                               .target = request.target,
                                               .expires_in_s = request.expires_in_s},
                                              context.caller, context.now));
  auto location = fmt::format("/api/v1/live/{}", asked.id);
  return api::Created<live::Query>{std::move(asked), std::move(location)};
}

}  // namespace

api::Endpoint request_carve() {
  return api::endpoint(http::Method::post, "/api/v1/carves", api::Permission::run_live,
                       "Asks hosts for files, by a live query; what they send appears as carves.", handle);
}

}  // namespace osprey::server
