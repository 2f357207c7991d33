#include "server/api/endpoint.h"
#include "server/queries/queries.h"

namespace osprey::server {
namespace {

struct Request {
  std::optional<queries::Kind> kind;
  static constexpr auto fields() { return std::tuple(api::field("kind", &Request::kind, "Only those of this kind.")); }
};

struct Response {
  std::vector<queries::Item> items;
  static constexpr auto fields() { return std::tuple(api::field("items", &Response::items, "By kind and name.")); }
};

Result<Response> handle(const Request& request, const api::Context& context) {
  auto items = TRY(context.services.queries->list(request.kind));
  return Response{std::move(items)};
}

}  // namespace

api::Endpoint list_items() {
  return api::endpoint(http::Method::get, "/api/v1/items", api::Permission::view,
                       "Everything that hosts are told: queries, packs, file paths, options, decorators.", handle);
}

}  // namespace osprey::server
