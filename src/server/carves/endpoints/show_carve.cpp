#include "server/api/endpoint.h"
#include "server/carves/carves.h"

namespace osprey::server {
namespace {

struct Request {
  carves::CarveId id = 0;
  static constexpr auto fields() { return std::tuple(api::field("id", &Request::id, "The carve's number.")); }
};

Result<carves::Carve> handle(const Request& request, const api::Context& context) {
  return context.services.carves->find(request.id);
}

}  // namespace

api::Endpoint show_carve() {
  return api::endpoint(http::Method::get, "/api/v1/carves/{id}", api::Permission::view, "One carve.", handle);
}

}  // namespace osprey::server
