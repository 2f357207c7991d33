#include "server/activity/activity.h"
#include "server/api/endpoint.h"
#include "server/identity/administrators.h"
#include "server/identity/second_factor.h"
#include "server/identity/tokens.h"

namespace osprey::server {
namespace {

using api::field;

struct Request {
  std::int64_t administrator = 0;
  bool remove_totp = false;
  bool revoke_tokens = false;
  static constexpr auto fields() {
    return std::tuple(field("administrator", &Request::administrator, "Number of the administrator."),
                      field("remove_totp", &Request::remove_totp,
                            "Turns one-time codes off, too: the telephone is lost.", {.has_default = true}),
                      field("revoke_tokens", &Request::revoke_tokens,
                            "Revokes the API tokens, too: somebody else was in.", {.has_default = true}));
  }
};

struct Password {
  std::string password;
  static constexpr auto fields() {
    return std::tuple(field("password", &Password::password, "To be changed on signing in. It is told this once."));
  }
};

Result<Password> handle(const Request& request, const api::Context& context) {
  const auto id = request.administrator;
  const auto password = identity::random_password();
  const auto hash = TRY(context.services.passwords->hash(password));
  return context.services.database->write([&](db::Transaction& transaction) -> Result<Password> {
    const auto administrator = TRY(identity::find(transaction.sql(), id));
    identity::set_password(transaction, id, hash, true);
    if (request.remove_totp) identity::remove_totp(transaction, id);
    if (request.revoke_tokens) identity::revoke_tokens(transaction, id, context.now);
    activity::record(transaction, context.caller, context.now,
                     {"password.reset",
                      subject_of(administrator),
                      {{"remove_totp", request.remove_totp}, {"revoke_tokens", request.revoke_tokens}}});
    return Password{password};
  });
}

}  // namespace

api::Endpoint reset_password() {
  return api::endpoint(http::Method::post, "/api/v1/administrators/{administrator}/reset_password",
                       api::Permission::administer,
                       "Gives an administrator a random password, to be changed on signing in; sessions end.", handle);
}

}  // namespace osprey::server
