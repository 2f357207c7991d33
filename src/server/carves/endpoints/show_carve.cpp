#include "server/api/endpoint.h"
#include "server/carves/carves.h"

namespace osprey::server {
namespace {

Result<carves::Carve> handle(const carves::OneCarve& request, const api::Context& context) {
  return context.services.carves->find(request.carve);
}

}  // namespace

api::Endpoint show_carve() {
  return api::endpoint(http::Method::get, "/api/v1/carves/{carve}", api::Permission::view, "One carve.", handle);
}

}  // namespace osprey::server
