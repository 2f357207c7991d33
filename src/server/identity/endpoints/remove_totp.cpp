#include "server/activity/activity.h"
#include "server/api/endpoint.h"
#include "server/identity/acts.h"
#include "server/identity/administrators.h"
#include "server/identity/second_factor.h"
#include "server/identity/sessions.h"

namespace osprey::server {
namespace {

Result<api::WithHeaders<api::Nothing>> handle(const identity::OwnPassword& request, const api::Context& context) {
  const auto& caller = context.caller;
  TRY(identity::need_session(caller));
  TRY(identity::confirm_password(context, request.password));
  return context.services.database->write([&](db::Transaction& transaction) -> Result<api::WithHeaders<api::Nothing>> {
    identity::remove_totp(transaction, caller.administrator);
    const auto secret = identity::rotate_session(transaction, caller.session);
    activity::record(transaction, caller, context.now, {"totp.turned_off", identity::subject_of(caller), {}});
    return api::WithHeaders<api::Nothing>{.headers = identity::session_cookie(secret)};
  });
}

}  // namespace

api::Endpoint remove_totp() {
  return api::endpoint(http::Method::post, "/api/v1/me/totp/remove", api::Permission::signed_in,
                       "Turns one-time codes off.", handle);
}

}  // namespace osprey::server
