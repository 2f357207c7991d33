#include "server/api/endpoint.h"
#include "server/api/page.h"
#include "server/carves/carves.h"

namespace osprey::server {
namespace {

struct Request : api::PageRequest {
  Request() { limit = 50; }
  std::optional<hosts::HostId> host;
  static constexpr auto fields() {
    return std::tuple_cat(std::tuple(api::field("host", &Request::host, "Only those of this host.")),
                          PageRequest::fields());
  }
};

Result<api::Page<carves::Carve>> handle(const Request& request, const api::Context& context) {
  const auto before = TRY(api::id_before(request.after));
  auto found = TRY(context.services.carves->list(request.host, before, request.limit + 1));
  return api::page_by_id(std::move(found), request.limit);
}

}  // namespace

api::Endpoint list_carves() {
  return api::endpoint(http::Method::get, "/api/v1/carves", api::Permission::view, "Carves, the newest first.", handle);
}

}  // namespace osprey::server
