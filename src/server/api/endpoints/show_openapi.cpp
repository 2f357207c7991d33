#include "server/api/api.h"

namespace osprey::server {
namespace {

Result<boost::json::object> handle(const api::Nothing&, const api::Context&) { return api::openapi(api::endpoints()); }

}  // namespace

api::Endpoint show_openapi() {
  return api::endpoint(http::Method::get, "/api/v1/openapi.json", api::Permission::everyone,
                       "This API, as OpenAPI 3.1 describes it.", handle);
}

}  // namespace osprey::server
