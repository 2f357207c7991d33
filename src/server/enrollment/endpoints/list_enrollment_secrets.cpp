#include "server/api/endpoint.h"
#include "server/enrollment/secrets.h"

namespace osprey::server {
namespace {

Result<std::vector<enrollment::ShownSecret>> handle(const api::Nothing&, const api::Context& context) {
  std::vector<enrollment::ShownSecret> shown;
  for (const auto& secret : TRY(enrollment::list_secrets(*context.services.database)))
    shown.push_back(enrollment::shown(secret, *context.services.tags));
  return shown;
}

}  // namespace

api::Endpoint list_enrollment_secrets() {
  return api::endpoint(http::Method::get, "/api/v1/enrollment/secrets", api::Permission::view,
                       "The secrets that hosts enrol with, revoked ones too; without their texts.", handle);
}

}  // namespace osprey::server
