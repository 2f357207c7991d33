#include "server/api/endpoint.h"
#include "server/queries/queries.h"

namespace osprey::server {
namespace {

Result<queries::Effect> handle(const queries::OneItem& request, const api::Context& context) {
  return context.services.queries->try_out(request.kind, request.name, std::nullopt);
}

}  // namespace

api::Endpoint try_item_removal() {
  return api::endpoint(http::Method::post, "/api/v1/items/{kind}/{name}/try_removal", api::Permission::view,
                       "Which hosts would get another configuration if this item were removed.", handle);
}

}  // namespace osprey::server
