#include "server/api/endpoint.h"
#include "server/queries/queries.h"

namespace osprey::server {
namespace {

Result<queries::Item> handle(const queries::OneItem& request, const api::Context& context) {
  return context.services.queries->find(request.kind, request.name);
}

}  // namespace

api::Endpoint show_item() {
  return api::endpoint(http::Method::get, "/api/v1/items/{kind}/{name}", api::Permission::view,
                       "One configuration item; the content of a pack is the pack in osquery's format.", handle);
}

}  // namespace osprey::server
