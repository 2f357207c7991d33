#include "server/api/endpoint.h"
#include "server/queries/queries.h"

namespace osprey::server {
namespace {

Result<void> handle(const queries::OneItem& request, const api::Context& context) {
  return context.services.queries->remove(request.kind, request.name, context.caller, context.now);
}

}  // namespace

api::Endpoint remove_item() {
  return api::endpoint(http::Method::delete_, "/api/v1/items/{kind}/{name}", api::Permission::manage,
                       "Takes a configuration item from all hosts; its history stays.", handle);
}

}  // namespace osprey::server
