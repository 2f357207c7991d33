#include "server/api/endpoint.h"
#include "server/tags/views.h"

namespace osprey::server {
namespace {

Result<void> handle(const tags::TagOfHost& request, const api::Context& context) {
  TRY(context.services.hosts->existing(request.host));
  return tags::service(context.services).give(request.tag, {}, {&request.host, 1}, context.caller, context.now);
}

}  // namespace

api::Endpoint untag_host() {
  return api::endpoint(http::Method::delete_, "/api/v1/hosts/{host}/tags/{tag}", api::Permission::manage,
                       "Takes a tag that a host has by hand; by a rule or a secret it keeps it.", handle);
}

}  // namespace osprey::server
