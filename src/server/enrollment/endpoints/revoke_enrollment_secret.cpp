#include "server/activity/activity.h"
#include "server/api/endpoint.h"
#include "server/enrollment/secrets.h"

namespace osprey::server {
namespace {

struct Request {
  std::int64_t secret = 0;
  static constexpr auto fields() {
    return std::tuple(api::field("secret", &Request::secret, "Number of the secret.", {.least = 1}));
  }
};

Result<void> handle(const Request& request, const api::Context& context) {
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
