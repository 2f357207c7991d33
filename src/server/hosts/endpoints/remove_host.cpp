#include "server/api/endpoint.h"
#include "server/hosts/service.h"

namespace osprey::server {
namespace {

Result<void> handle(const hosts::OneHost& request, const api::Context& context) {
  const auto removed = TRY(hosts::service(context.services).remove({&request.host, 1}, context.caller, context.now));
  if (removed == 0) return api::problem(api::kNotFound, "host " + std::to_string(request.host), "is not there");
  return {};
}

}  // namespace

api::Endpoint remove_host() {
  return api::endpoint(http::Method::delete_, "/api/v1/hosts/{host}", api::Permission::manage,
                       "Removes a host and all that is kept of it; if it enrols anew it is another one.", handle);
}

}  // namespace osprey::server
