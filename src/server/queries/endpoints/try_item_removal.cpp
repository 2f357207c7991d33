#include "server/api/endpoint.h"
#include "server/queries/queries.h"

namespace osprey::server {
namespace {

struct Request : queries::OneItem {
  std::optional<hosts::HostId> host;
  static constexpr auto fields() {
    return std::tuple_cat(
        OneItem::fields(),
        std::tuple(api::field("host", &Request::host, "A host whose configuration is wanted, as it would be.")));
  }
};

Result<queries::Effect> handle(const Request& request, const api::Context& context) {
  return context.services.queries->try_out(request.kind, request.name, std::nullopt, request.host);
}

}  // namespace

api::Endpoint try_item_removal() {
  return api::endpoint(http::Method::post, "/api/v1/items/{kind}/{name}/try_removal", api::Permission::view,
                       "Which hosts would get another configuration if this item were removed.", handle);
}

}  // namespace osprey::server
