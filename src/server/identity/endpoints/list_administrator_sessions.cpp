#include "server/api/endpoint.h"
#include "server/api/page.h"
#include "server/identity/administrators.h"
#include "server/identity/sessions.h"

namespace osprey::server {
namespace {

Result<api::Page<identity::Session>> handle(const identity::OneAdministrator& request, const api::Context& context) {
  api::Page<identity::Session> page;
  page.items = TRY(context.services.database->read([&](soci::session& sql) {
    return identity::list_sessions(sql, request.administrator, context.caller.session, context.now);
  }));
  return page;
}

}  // namespace

api::Endpoint list_administrator_sessions() {
  return api::endpoint(http::Method::get, "/api/v1/administrators/{administrator}/sessions",
                       api::Permission::administer, "An administrator's sessions, the latest first.", handle);
}

}  // namespace osprey::server
