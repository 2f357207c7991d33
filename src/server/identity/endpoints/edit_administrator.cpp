#include "server/activity/activity.h"
#include "server/api/endpoint.h"
#include "server/identity/administrators.h"

namespace osprey::server {
namespace {

using api::field;

struct Request {
  std::int64_t administrator = 0;
  std::optional<std::string> name;
  std::optional<identity::Role> role;
  std::optional<bool> disabled;
  static constexpr auto fields() {
    return std::tuple(field("administrator", &Request::administrator, "Number of the administrator."),
                      field("name", &Request::name, "Name to sign in with.", {.least = 1, .most = 100}),
                      field("role", &Request::role, "What the administrator may do from now on."),
                      field("disabled", &Request::disabled, "true: cannot sign in, and tokens do not count."));
  }
};

Result<identity::Administrator> handle(const Request& request, const api::Context& context) {
  return context.services.database->write([&](db::Transaction& transaction) -> Result<identity::Administrator> {
    auto changed = TRY(identity::change(transaction, request.administrator,
                                        {.name = request.name, .role = request.role, .disabled = request.disabled}));
    boost::json::object details;
    if (request.name) details["name"] = *request.name;
    if (request.role) details["role"] = api::name_of(*request.role);
    if (request.disabled) details["disabled"] = *request.disabled;
    activity::record(transaction, context.caller, context.now,
                     {"administrator.edited", subject_of(changed), std::move(details)});
    return changed;
  });
}

}  // namespace

api::Endpoint edit_administrator() {
  return api::endpoint(http::Method::patch, "/api/v1/administrators/{administrator}", api::Permission::administer,
                       "Changes an administrator; another role, or disabling, ends the sessions.", handle);
}

}  // namespace osprey::server
