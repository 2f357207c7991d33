#include "server/activity/activity.h"
#include "server/api/endpoint.h"
#include "server/identity/acts.h"
#include "server/identity/second_factor.h"
#include "server/identity/sessions.h"

namespace osprey::server {
namespace {

using api::field;

struct Request {
  std::string code;
  static constexpr auto fields() {
    return std::tuple(field("code", &Request::code, "What the authenticator shows now.", {.least = 6, .most = 20}));
  }
};

struct Codes {
  std::vector<std::string> recovery_codes;
  static constexpr auto fields() {
    return std::tuple(field("recovery_codes", &Codes::recovery_codes,
                            "Each signs in once instead of a code. They are told this once."));
  }
};

Result<api::WithHeaders<Codes>> handle(const Request& request, const api::Context& context) {
  const auto& caller = context.caller;
  TRY(identity::need_session(caller));
  return context.services.database->write([&](db::Transaction& transaction) -> Result<api::WithHeaders<Codes>> {
    api::WithHeaders<Codes> answer;
    answer.value.recovery_codes =
        TRY(identity::confirm_totp(transaction, caller.administrator, request.code, context.now));
    answer.headers = identity::session_cookie(identity::rotate_session(transaction, caller.session));
    identity::end_sessions(transaction, caller.administrator, caller.session);
    activity::record(transaction, caller, context.now, {"totp.turned_on", identity::subject_of(caller), {}});
    return answer;
  });
}

}  // namespace

api::Endpoint confirm_totp() {
  return api::endpoint(http::Method::put, "/api/v1/me/totp", api::Permission::signed_in,
                       "Turns one-time codes on: from now on signing in wants one.", handle);
}

}  // namespace osprey::server
