#include "server/activity/activity.h"
#include "server/api/endpoint.h"
#include "server/identity/administrators.h"
#include "server/identity/sessions.h"

namespace osprey::server {
namespace {

Result<void> handle(const identity::OneAdministrator& request, const api::Context& context) {
  return context.services.database->write([&](db::Transaction& transaction) -> Result<void> {
    const auto administrator = TRY(identity::find(transaction.sql(), request.administrator));
    identity::end_sessions(transaction, administrator.id);
    activity::record(transaction, context.caller, context.now,
                     {"session.ended", subject_of(administrator), {{"session", "all"}}});
    return {};
  });
}

}  // namespace

api::Endpoint end_administrator_sessions() {
  return api::endpoint(http::Method::delete_, "/api/v1/administrators/{administrator}/sessions",
                       api::Permission::administer, "Ends all of an administrator's sessions.", handle);
}

}  // namespace osprey::server
