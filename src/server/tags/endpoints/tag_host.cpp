#include "server/api/endpoint.h"
#include "server/tags/views.h"

namespace osprey::server {
namespace {

Result<void> handle(const tags::TagOfHost& request, const api::Context& context) {
  TRY(context.services.hosts->existing(request.host));
  return tags::service(context.services).give(request.tag, {&request.host, 1}, {}, context.caller, context.now);
}

}  // namespace

api::Endpoint tag_host() {
  return api::endpoint(http::Method::put, "/api/v1/hosts/{host}/tags/{tag}", api::Permission::manage,
                       "Gives a host a tag by hand.", handle);
}

}  // namespace osprey::server
