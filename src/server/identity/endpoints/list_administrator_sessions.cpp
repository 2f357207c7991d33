#include "server/api/endpoint.h"
#include "server/api/page.h"
#include "server/identity/sessions.h"

namespace osprey::server {
namespace {

struct Request {
  std::int64_t administrator = 0;
  static constexpr auto fields() {
    return std::tuple(api::field("administrator", &Request::administrator, "Number of the administrator."));
  }
};

Result<api::Page<identity::Session>> handle(const Request& request, const api::Context& context) {
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
