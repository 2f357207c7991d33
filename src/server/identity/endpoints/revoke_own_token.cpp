#include "server/activity/activity.h"
#include "server/api/endpoint.h"
#include "server/identity/tokens.h"

namespace osprey::server {
namespace {

struct Request {
  std::int64_t token = 0;
  static constexpr auto fields() { return std::tuple(api::field("token", &Request::token, "Number of the token.")); }
};

Result<void> handle(const Request& request, const api::Context& context) {
  return context.services.database->write([&](db::Transaction& transaction) -> Result<void> {
    const auto token =
        TRY(identity::revoke_token(transaction, context.caller.administrator, request.token, context.now));
    activity::record(transaction, context.caller, context.now, {"token.revoked", subject_of(token), {}});
    return {};
  });
}

}  // namespace

api::Endpoint revoke_own_token() {
  return api::endpoint(http::Method::delete_, "/api/v1/me/tokens/{token}", api::Permission::signed_in,
                       "Revokes an API token of one's own.", handle);
}

}  // namespace osprey::server
