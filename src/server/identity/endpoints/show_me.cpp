#include "server/api/endpoint.h"
#include "server/identity/administrators.h"
#include "server/identity/sessions.h"

namespace osprey::server {
namespace {

using api::field;

struct Me {
  identity::Administrator administrator;
  api::Permission permission = api::Permission::signed_in;
  std::optional<std::string> csrf_token;
  static constexpr std::string_view kTypeName = "Me";
  static constexpr auto fields() {
    return std::tuple(
        field("administrator", &Me::administrator, "Who asks."),
        field("permission", &Me::permission,
              "What this session or token may do; signed_in: nothing before the password is changed."),
        field("csrf_token", &Me::csrf_token,
              "For the header X-CSRF-Token of every request that changes something; null: a token asks."));
  }
};

Result<Me> handle(const api::Nothing&, const api::Context& context) {
  const auto& caller = context.caller;
  Me me{.permission = caller.permission};
  auto administrator = TRY(
      context.services.database->read([&](soci::session& sql) { return identity::find(sql, caller.administrator); }));
  me.administrator = TRY(std::move(administrator));
  if (caller.session != 0) me.csrf_token = identity::csrf_token(identity::session_secret(context.head));
  return me;
}

}  // namespace

api::Endpoint show_me() {
  return api::endpoint(http::Method::get, "/api/v1/me", api::Permission::signed_in, "Who asks, and what they may do.",
                       handle);
}

}  // namespace osprey::server
