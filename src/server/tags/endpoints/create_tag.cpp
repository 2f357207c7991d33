#include "server/api/endpoint.h"
#include "server/tags/views.h"

namespace osprey::server {
namespace {

Result<api::Created<tags::TagRow>> handle(const tags::Written& request, const api::Context& context) {
  const auto tag = TRY(tags::service(context.services).create(request.draft(), context.caller, context.now));
  return api::Created<tags::TagRow>{tags::row_of(tag, 0), "/api/v1/tags/" + std::to_string(tag.id)};
}

}  // namespace

api::Endpoint create_tag() {
  return api::endpoint(http::Method::post, "/api/v1/tags", api::Permission::manage,
                       "Makes a tag; with a rule, hosts are held against it at once.", handle);
}

}  // namespace osprey::server
