#include "server/activity/activity.h"
#include "server/api/endpoint.h"
#include "server/identity/acts.h"
#include "server/identity/sessions.h"

namespace osprey::server {
namespace {

Result<void> handle(const api::Nothing&, const api::Context& context) {
  const auto& caller = context.caller;
  return context.services.database->write([&](db::Transaction& transaction) -> Result<void> {
    identity::end_sessions(transaction, caller.administrator, caller.session);
    activity::record(transaction, caller, context.now,
                     {"session.ended", identity::subject_of(caller), {{"session", "all others"}}});
    return {};
  });
}

}  // namespace

api::Endpoint end_other_sessions() {
  return api::endpoint(http::Method::delete_, "/api/v1/me/sessions", api::Permission::signed_in,
                       "Ends all of one's own sessions but the one that asks.", handle);
}

}  // namespace osprey::server
