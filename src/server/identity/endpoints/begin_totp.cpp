#include "server/api/endpoint.h"
#include "server/identity/acts.h"
#include "server/identity/administrators.h"
#include "server/identity/second_factor.h"
#include "server/identity/totp.h"
#include "server/secret.h"

namespace osprey::server {
namespace {

using api::field;

struct Key {
  std::string key;
  std::string uri;
  static constexpr auto fields() {
    return std::tuple(field("key", &Key::key, "To be typed into an authenticator, in base 32."),
                      field("uri", &Key::uri, "The same for a picture that it reads (otpauth)."));
  }
};

Result<Key> handle(const identity::OwnPassword& request, const api::Context& context) {
  TRY(identity::need_session(context.caller));
  TRY(identity::confirm_password(context, request.password));
  const auto key = TRY(context.services.database->write(
      [&](db::Transaction& transaction) { return identity::begin_totp(transaction, context.caller.administrator); }));
  return Key{base32(key), identity::otpauth_uri(key, context.caller.name)};
}

}  // namespace

api::Endpoint begin_totp() {
  return api::endpoint(http::Method::post, "/api/v1/me/totp", api::Permission::signed_in,
                       "Makes a key for one-time codes, which counts once a code of it has been shown.", handle);
}

}  // namespace osprey::server
