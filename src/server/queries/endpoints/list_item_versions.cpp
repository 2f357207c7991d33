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

struct Response {
  std::vector<queries::Item> items;
  static constexpr auto fields() { return std::tuple(api::field("items", &Response::items, "The newest first.")); }
};

Result<Response> handle(const Request& request, const api::Context& context) {
  auto items = TRY(context.services.queries->history(request.kind, request.name));
  return Response{std::move(items)};
}

}  // namespace

api::Endpoint list_item_versions() {
  return api::endpoint(http::Method::get, "/api/v1/items/{kind}/{name}/versions", api::Permission::view,
                       "Every version of a configuration item, its removals among them.", handle);
}

}  // namespace osprey::server
