#include "server/api/endpoint.h"
#include "server/api/page.h"
#include "server/identity/sessions.h"

namespace osprey::server {
namespace {

Result<api::Page<identity::Session>> handle(const api::Nothing&, const api::Context& context) {
  const auto& caller = context.caller;
  api::Page<identity::Session> page;
  page.items = TRY(context.services.database->read([&](soci::session& sql) {
    return identity::list_sessions(sql, caller.administrator, caller.session, context.now);
  }));
  return page;
}

}  // namespace

api::Endpoint list_sessions() {
  return api::endpoint(http::Method::get, "/api/v1/me/sessions", api::Permission::signed_in,
                       "One's own sessions, the latest first.", handle);
}

}  // namespace osprey::server
