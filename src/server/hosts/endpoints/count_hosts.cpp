#include "server/api/endpoint.h"
#include "server/hosts/search.h"
#include "server/hosts/service.h"

namespace osprey::server {
namespace {

struct Request {
  std::string text;
  std::vector<std::int64_t> tag;
  std::optional<std::string> platform, version;
  static constexpr auto fields() {
    return std::tuple(
        api::field("text", &Request::text, "As in the list of hosts.", {.most = 200, .has_default = true}),
        api::field("tag", &Request::tag, "As in the list of hosts.", {.most = 20, .has_default = true}),
        api::field("platform", &Request::platform, "Only this platform.", {.most = 256}),
        api::field("version", &Request::version, "Only this version of the agent.", {.most = 256}));
  }
};

struct Counted {
  std::int64_t total = 0;
  std::map<std::string, std::int64_t> status, platform, version;
  static constexpr std::string_view kTypeName = "HostCounts";
  static constexpr auto fields() {
    return std::tuple(api::field("total", &Counted::total, "All that the filter holds for."),
                      api::field("status", &Counted::status, "How many are online, late, missing."),
                      api::field("platform", &Counted::platform, "How many by platform; an empty name is unknown."),
                      api::field("version", &Counted::version, "How many by the agent's version."));
  }
};

Result<Counted> handle(const Request& request, const api::Context& context) {
  const auto& service = hosts::service(context.services);
  auto counts =
      hosts::count(service.roster(), {request.text, request.tag, std::nullopt, request.platform, request.version},
                   service.options().status, context.now);
  return Counted{counts.total, std::move(counts.status), std::move(counts.platform), std::move(counts.version)};
}

}  // namespace

api::Endpoint count_hosts() {
  return api::endpoint(http::Method::get, "/api/v1/hosts/counts", api::Permission::view,
                       "How many hosts there are, by status, platform and version.", handle);
}

}  // namespace osprey::server
