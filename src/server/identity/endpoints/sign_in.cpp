#include "server/identity/sign_in.h"

#include "server/api/endpoint.h"
#include "server/identity/sessions.h"

namespace osprey::server {
namespace {

using api::field;

struct Request {
  std::string name;
  std::string password;
  std::optional<std::string> code;
  static constexpr auto fields() {
    return std::tuple(
        field("name", &Request::name, "The administrator's name.", {.least = 1, .most = 100}),
        field("password", &Request::password, "The password.", {.least = 1, .most = identity::kMostPassword}),
        field("code", &Request::code, "A code of the authenticator's, or a recovery code.", {.least = 1, .most = 100}));
  }
};

struct Answer {
  bool code_wanted = false;
  std::optional<std::string> csrf_token;
  static constexpr auto fields() {
    return std::tuple(
        field("code_wanted", &Answer::code_wanted, "The password is right; send it again together with a code."),
        field("csrf_token", &Answer::csrf_token,
              "For the header X-CSRF-Token of every request that changes something; null: no session was begun."));
  }
};

Result<api::WithHeaders<Answer>> handle(const Request& request, const api::Context& context) {
  const auto signed_in =
      TRY(identity::sign_in(*context.services.database, *context.services.passwords,
                            {request.name, request.password, request.code}, context.head, context.now));
  if (signed_in.code_wanted) return api::WithHeaders<Answer>{.value = {.code_wanted = true}};
  const auto& secret = signed_in.session_secret;
  return api::WithHeaders<Answer>{.value = {.csrf_token = identity::csrf_token(secret)},
                                  .headers = identity::session_cookie(secret)};
}

}  // namespace

api::Endpoint sign_in() {
  return api::endpoint(http::Method::post, "/api/v1/sign_in", api::Permission::everyone,
                       "Begins a session, which the cookie osprey_session carries.", handle);
}

}  // namespace osprey::server
