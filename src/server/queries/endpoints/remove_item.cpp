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

Result<void> handle(const Request& request, const api::Context& context) {
  return context.services.queries->remove(request.kind, request.name, context.caller, context.now);
}

}  // namespace

api::Endpoint remove_item() {
  return api::endpoint(http::Method::delete_, "/api/v1/items/{kind}/{name}", api::Permission::manage,
                       "Takes a configuration item from all hosts; its history stays.", handle);
}

}  // namespace osprey::server
