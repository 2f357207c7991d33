#include "server/api/endpoint.h"
#include "server/tags/views.h"

namespace osprey::server {
namespace {

Result<void> handle(const tags::OneTag& request, const api::Context& context) {
  return tags::service(context.services).remove(request.tag, context.caller, context.now);
}

}  // namespace

api::Endpoint remove_tag() {
  return api::endpoint(http::Method::delete_, "/api/v1/tags/{tag}", api::Permission::manage,
                       "Removes a tag that nothing uses; what does is listed in the refusal.", handle);
}

}  // namespace osprey::server
