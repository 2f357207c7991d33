#include "server/api/endpoint.h"
#include "server/tags/service.h"

namespace osprey::server {
namespace {

struct Request {
  std::int64_t host = 0;
  std::int64_t tag = 0;
  static constexpr auto fields() {
    return std::tuple(api::field("host", &Request::host, "The host's number."),
                      api::field("tag", &Request::tag, "The tag's number."));
  }
};

Result<void> handle(const Request& request, const api::Context& context) {
  if (!TRY(context.services.hosts->look_up(request.host)))
    return api::problem(api::kNotFound, "host " + std::to_string(request.host), "is not there");
  return tags::service(context.services).give(request.tag, {}, {&request.host, 1}, context.caller, context.now);
}

}  // namespace

api::Endpoint untag_host() {
  return api::endpoint(http::Method::delete_, "/api/v1/hosts/{host}/tags/{tag}", api::Permission::manage,
                       "Takes a tag that a host has by hand; by a rule or a secret it keeps it.", handle);
}

}  // namespace osprey::server
