#include "server/api/endpoint.h"
#include "server/identity/administrators.h"

namespace osprey::server {
namespace {

Result<identity::Administrator> handle(const identity::OneAdministrator& request, const api::Context& context) {
  return TRY(
      context.services.database->read([&](soci::session& sql) { return identity::find(sql, request.administrator); }));
}

}  // namespace

api::Endpoint show_administrator() {
  return api::endpoint(http::Method::get, "/api/v1/administrators/{administrator}", api::Permission::administer,
                       "One administrator.", handle);
}

}  // namespace osprey::server
