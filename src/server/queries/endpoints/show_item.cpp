#include "server/api/endpoint.h"
#include "server/queries/queries.h"

namespace osprey::server {
namespace {

struct Request {
  queries::Kind kind = queries::Kind::query;
  std::string name;
  static constexpr auto fields() {
    return std::tuple(api::field("kind", &Request::kind, "What it is a piece of."),
                      api::field("name", &Request::name, "Its name."));
  }
};

Result<queries::Item> handle(const Request& request, const api::Context& context) {
  return context.services.queries->find(request.kind, request.name);
}

}  // namespace

api::Endpoint show_item() {
  return api::endpoint(http::Method::get, "/api/v1/items/{kind}/{name}", api::Permission::view,
                       "One configuration item; the content of a pack is the pack in osquery's format.", handle);
}

}  // namespace osprey::server
