#include "server/api/endpoint.h"
#include "server/hosts/service.h"

namespace osprey::server {
namespace {

struct Request {
  std::vector<std::int64_t> hosts;
  static constexpr auto fields() {
    return std::tuple(api::field("hosts", &Request::hosts, "Numbers of hosts; those that are gone are left out.",
                                 {.least = 1, .most = 1000}));
  }
};

Result<void> handle(const Request& request, const api::Context& context) {
  return hosts::service(context.services).refresh(request.hosts, context.caller, context.now);
}

}  // namespace

api::Endpoint refresh_hosts() {
  return api::endpoint(http::Method::post, "/api/v1/hosts/refresh", api::Permission::run_live,
                       "Has hosts asked for their details with their next request, instead of on schedule.", handle);
}

}  // namespace osprey::server
