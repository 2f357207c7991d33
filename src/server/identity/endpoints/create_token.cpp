#include <fmt/format.h>

#include "server/activity/activity.h"
#include "server/api/endpoint.h"
#include "server/identity/acts.h"
#include "server/identity/tokens.h"

namespace osprey::server {
namespace {

using api::field;

struct Request {
  std::string name;
  identity::Role scope = identity::Role::view;
  std::optional<Timestamp> expires;
  static constexpr auto fields() {
    return std::tuple(field("name", &Request::name, "What it is for.", {.least = 1, .most = 100}),
                      field("scope", &Request::scope, "What it may do; not more than who makes it."),
                      field("expires", &Request::expires, "When it ends; left out or null: when it is revoked."));
  }
};

Result<api::Created<identity::MadeToken>> handle(const Request& request, const api::Context& context) {
  const auto& caller = context.caller;
  TRY(identity::need_session(caller));
  if (identity::permission_of(request.scope) > caller.permission)
    return api::problem(api::kForbidden, "scope",
                        fmt::format("is more than your own permission, \"{}\"", api::name_of(caller.permission)));
  return context.services.database->write(
      [&](db::Transaction& transaction) -> Result<api::Created<identity::MadeToken>> {
        const identity::NewToken wanted{.administrator = caller.administrator,
                                        .name = request.name,
                                        .scope = request.scope,
                                        .expires = request.expires};
        auto made = TRY(identity::create(transaction, wanted, context.now));
        activity::record(transaction, caller, context.now,
                         {"token.created", subject_of(made.token), {{"scope", api::name_of(request.scope)}}});
        auto location = fmt::format("/api/v1/me/tokens/{}", made.token.id);
        return api::Created<identity::MadeToken>{std::move(made), std::move(location)};
      });
}

}  // namespace

api::Endpoint create_token() {
  return api::endpoint(http::Method::post, "/api/v1/me/tokens", api::Permission::signed_in,
                       "Makes an API token of one's own.", handle);
}

}  // namespace osprey::server
