#include "server/activity/activity.h"
#include "server/api/endpoint.h"
#include "server/identity/acts.h"
#include "server/identity/administrators.h"
#include "server/identity/sessions.h"

namespace osprey::server {
namespace {

using api::field;

struct Request {
  std::string password;
  std::string new_password;
  static constexpr auto fields() {
    return std::tuple(
        field("password", &Request::password, "The one of now.", {.least = 1, .most = identity::kMostPassword}),
        field("new_password", &Request::new_password, "The new one; not the name.",
              {.least = identity::kLeastPassword, .most = identity::kMostPassword}));
  }
};

Result<api::WithHeaders<api::Nothing>> handle(const Request& request, const api::Context& context) {
  const auto& caller = context.caller;
  TRY(identity::need_session(caller));
  TRY(identity::check_password(request.new_password, caller.name));
  if (request.new_password == request.password)
    return api::problem(api::kInvalid, "new_password", "is the one of now; take another");
  TRY(identity::confirm_password(context, request.password));
  const auto hash = TRY(context.services.passwords->hash(request.new_password));
  return context.services.database->write([&](db::Transaction& transaction) -> Result<api::WithHeaders<api::Nothing>> {
    identity::set_password(transaction, caller.administrator, hash, false, caller.session);
    const auto secret = identity::rotate_session(transaction, caller.session);
    activity::record(transaction, caller, context.now, {"password.changed", identity::subject_of(caller), {}});
    return api::WithHeaders<api::Nothing>{.headers = identity::session_cookie(secret)};
  });
}

}  // namespace

api::Endpoint change_password() {
  return api::endpoint(http::Method::put, "/api/v1/me/password", api::Permission::signed_in,
                       "Changes one's own password; other sessions end, this one goes on under a new cookie.", handle);
}

}  // namespace osprey::server
