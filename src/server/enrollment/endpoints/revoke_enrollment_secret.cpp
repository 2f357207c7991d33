#include "server/activity/activity.h"
#include "server/api/endpoint.h"
#include "server/enrollment/secrets.h"

namespace osprey::server {
namespace {

Result<void> handle(const enrollment::OneSecret& request, const api::Context& context) {
  return context.services.database->write([&](db::Transaction& transaction) -> Result<void> {
    const auto secret = TRY(enrollment::revoke_secret(transaction, request.secret, context.now));
    activity::record(transaction, context.caller, context.now,
                     {.verb = "enrollment_secret.revoked",
                      .subject = enrollment::subject_of(secret.id, secret.name),
                      .details = {}});
    return {};
  });
}

}  // namespace

api::Endpoint revoke_enrollment_secret() {
  return api::endpoint(http::Method::delete_, "/api/v1/enrollment/secrets/{secret}", api::Permission::manage,
                       "Revokes a secret: no host enrols with it any more. Those that have stay.", handle);
}

}  // namespace osprey::server
