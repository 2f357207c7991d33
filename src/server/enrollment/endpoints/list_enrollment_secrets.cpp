#include "server/api/endpoint.h"
#include "server/enrollment/secrets.h"

namespace osprey::server {
namespace {

struct Response {
  std::vector<enrollment::ShownSecret> items;
  static constexpr auto fields() {
    return std::tuple(api::field("items", &Response::items, "All there are, the oldest first."));
  }
};

Result<Response> handle(const api::Nothing&, const api::Context& context) {
  Response response;
  const auto secrets = TRY(enrollment::list_secrets(*context.services.database));
  for (const auto& secret : secrets) response.items.push_back(enrollment::shown(secret, *context.services.tags));
  return response;
}

}  // namespace

api::Endpoint list_enrollment_secrets() {
  return api::endpoint(http::Method::get, "/api/v1/enrollment/secrets", api::Permission::view,
                       "The secrets that hosts enrol with, revoked ones too; without their texts.", handle);
}

}  // namespace osprey::server
