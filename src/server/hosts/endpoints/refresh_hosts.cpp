#include "server/api/endpoint.h"
#include "server/hosts/views.h"

namespace osprey::server {
namespace {

Result<void> handle(const hosts::ManyHosts& request, const api::Context& context) {
  return hosts::service(context.services).refresh(request.hosts, context.caller, context.now);
}

}  // namespace

api::Endpoint refresh_hosts() {
  return api::endpoint(http::Method::post, "/api/v1/hosts/refresh", api::Permission::run_live,
                       "Has hosts asked for their details with their next request, instead of on schedule.", handle);
}

}  // namespace osprey::server
