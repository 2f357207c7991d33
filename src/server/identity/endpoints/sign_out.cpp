#include "server/activity/activity.h"
#include "server/api/endpoint.h"
#include "server/identity/acts.h"
#include "server/identity/sessions.h"

namespace osprey::server {
namespace {

Result<api::WithHeaders<api::Nothing>> handle(const api::Nothing&, const api::Context& context) {
  TRY(identity::need_session(context.caller));
  return context.services.database->write([&](db::Transaction& transaction) -> Result<api::WithHeaders<api::Nothing>> {
    TRY(identity::end_session(transaction, context.caller.administrator, context.caller.session));
    activity::record(transaction, context.caller, context.now,
                     {"session.ended", identity::subject_of(context.caller), {}});
    return api::WithHeaders<api::Nothing>{.headers = identity::no_session_cookie()};
  });
}

}  // namespace

api::Endpoint sign_out() {
  return api::endpoint(http::Method::post, "/api/v1/sign_out", api::Permission::signed_in, "Ends this session.",
                       handle);
}

}  // namespace osprey::server
