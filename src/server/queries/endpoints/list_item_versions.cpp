#include "server/api/endpoint.h"
#include "server/queries/queries.h"

namespace osprey::server {
namespace {

struct Response {
  std::vector<queries::Item> items;
  static constexpr auto fields() { return std::tuple(api::field("items", &Response::items, "The newest first.")); }
};

Result<Response> handle(const queries::OneItem& request, const api::Context& context) {
  auto items = TRY(context.services.queries->history(request.kind, request.name));
  return Response{std::move(items)};
}

}  // namespace

api::Endpoint list_item_versions() {
  return api::endpoint(http::Method::get, "/api/v1/items/{kind}/{name}/versions", api::Permission::view,
                       "Every version of a configuration item, its removals among them.", handle);
}

}  // namespace osprey::server
