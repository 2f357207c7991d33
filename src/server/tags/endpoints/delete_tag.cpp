#include "server/api/endpoint.h"
#include "server/tags/service.h"

namespace osprey::server {
namespace {

struct Request {
  std::int64_t tag = 0;
  static constexpr auto fields() { return std::tuple(api::field("tag", &Request::tag, "The tag's number.")); }
};

Result<void> handle(const Request& request, const api::Context& context) {
  return tags::service(context.services).remove(request.tag, context.caller, context.now);
}

}  // namespace

api::Endpoint delete_tag() {
  return api::endpoint(http::Method::delete_, "/api/v1/tags/{tag}", api::Permission::manage,
                       "Deletes a tag that nothing uses; what does is listed in the refusal.", handle);
}

}  // namespace osprey::server
