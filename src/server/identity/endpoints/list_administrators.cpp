#include "server/api/endpoint.h"
#include "server/identity/administrators.h"

namespace osprey::server {
namespace {

Result<api::Page<identity::Administrator>> handle(const api::PageRequest& page, const api::Context& context) {
  return TRY(context.services.database->read([&](soci::session& sql) { return identity::list(sql, page); }));
}

}  // namespace

api::Endpoint list_administrators() {
  return api::endpoint(http::Method::get, "/api/v1/administrators", api::Permission::administer, "The administrators.",
                       handle);
}

}  // namespace osprey::server
