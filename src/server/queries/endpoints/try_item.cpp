#include "server/api/endpoint.h"
#include "server/queries/queries.h"

namespace osprey::server {
namespace {

Result<queries::Effect> handle(const queries::Draft& draft, const api::Context& context) {
  return context.services.queries->try_out(draft.kind, draft.name, draft);
}

}  // namespace

api::Endpoint try_item() {
  return api::endpoint(http::Method::post, "/api/v1/items/{kind}/{name}/try", api::Permission::view,
                       "Which hosts would get another configuration if this item were saved so.", handle);
}

}  // namespace osprey::server
