#include "server/api/endpoint.h"
#include "server/queries/queries.h"

namespace osprey::server {
namespace {

Result<queries::Saved> handle(const queries::Draft& draft, const api::Context& context) {
  return context.services.queries->save(draft, context.caller, context.now);
}

}  // namespace

api::Endpoint save_item() {
  return api::endpoint(http::Method::put, "/api/v1/items/{kind}/{name}", api::Permission::manage,
                       "Makes a configuration item, or a new version of it.", handle);
}

}  // namespace osprey::server
