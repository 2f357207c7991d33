#include "server/activity/activity.h"
#include "server/api/endpoint.h"
#include "server/identity/tokens.h"

namespace osprey::server {
namespace {

Result<void> handle(const identity::OneToken& request, const api::Context& context) {
  return context.services.database->write([&](db::Transaction& transaction) -> Result<void> {
    const auto token = TRY(identity::revoke_token(transaction, identity::kAnybody, request.token, context.now));
    activity::record(transaction, context.caller, context.now, {"token.revoked", subject_of(token), {}});
    return {};
  });
}

}  // namespace

api::Endpoint revoke_token() {
  return api::endpoint(http::Method::delete_, "/api/v1/tokens/{token}", api::Permission::administer,
                       "Revokes an API token, whoever owns it.", handle);
}

}  // namespace osprey::server
