#include <fmt/format.h>

#include "server/activity/activity.h"
#include "server/api/endpoint.h"
#include "server/identity/administrators.h"

namespace osprey::server {
namespace {

using api::field;

struct Request {
  std::string name;
  identity::Role role = identity::Role::view;
  std::optional<std::string> password;
  static constexpr auto fields() {
    return std::tuple(
        field("name", &Request::name, "Name to sign in with.", {.least = 1, .most = 100}),
        field("role", &Request::role, "What the administrator may do; each role includes those before it."),
        field("password", &Request::password,
              "The first password, to be changed on signing in; left out: a random one.",
              {.least = identity::kLeastPassword, .most = identity::kMostPassword}));
  }
};

struct Made {
  identity::Administrator administrator;
  std::optional<std::string> password;
  static constexpr auto fields() {
    return std::tuple(field("administrator", &Made::administrator, "The administrator."),
                      field("password", &Made::password, "The random password, told this once; null: it was given."));
  }
};

Result<api::Created<Made>> handle(const Request& request, const api::Context& context) {
  TRY(identity::check_name(request.name));
  if (request.password) TRY(identity::check_password(*request.password, request.name));
  const auto password = request.password.value_or(identity::random_password());
  const auto hash = TRY(context.services.passwords->hash(password));
  return context.services.database->write([&](db::Transaction& transaction) -> Result<api::Created<Made>> {
    Made made;
    made.administrator = TRY(identity::create(
        transaction, {.name = request.name, .role = request.role, .password_hash = hash}, context.now));
    if (!request.password) made.password = password;
    activity::record(transaction, context.caller, context.now,
                     {"administrator.created", subject_of(made.administrator), {{"role", api::name_of(request.role)}}});
    auto location = fmt::format("/api/v1/administrators/{}", made.administrator.id);
    return api::Created<Made>{std::move(made), std::move(location)};
  });
}

}  // namespace

api::Endpoint create_administrator() {
  return api::endpoint(http::Method::post, "/api/v1/administrators", api::Permission::administer,
                       "Makes an administrator, who changes the password on signing in first.", handle);
}

}  // namespace osprey::server
