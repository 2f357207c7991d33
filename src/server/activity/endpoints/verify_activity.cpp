#include "server/activity/entries.h"
#include "server/api/endpoint.h"

namespace osprey::server {
namespace {

Result<activity::Verification> handle(const api::Nothing&, const api::Context& context) {
  return activity::verify(*context.services.database);
}

}  // namespace

api::Endpoint verify_activity() {
  return api::endpoint(http::Method::get, "/api/v1/activity/verification", api::Permission::administer,
                       "Whether the activity is as it was recorded, by the chain of its hashes.", handle);
}

}  // namespace osprey::server
