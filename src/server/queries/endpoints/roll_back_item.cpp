#include "server/api/endpoint.h"
#include "server/queries/queries.h"

namespace osprey::server {
namespace {

struct Request : queries::OneItem {
  std::int64_t version = 0;
  static constexpr auto fields() {
    return std::tuple_cat(
        OneItem::fields(),
        std::tuple(api::field("version", &Request::version, "The version whose content it is to have.", {.least = 1})));
  }
};

Result<queries::Item> handle(const Request& request, const api::Context& context) {
  return context.services.queries->roll_back(request.kind, request.name, request.version, context.caller, context.now);
}

}  // namespace

api::Endpoint roll_back_item() {
  return api::endpoint(http::Method::post, "/api/v1/items/{kind}/{name}/roll_back", api::Permission::manage,
                       "Makes an older version of a configuration item the newest.", handle);
}

}  // namespace osprey::server
