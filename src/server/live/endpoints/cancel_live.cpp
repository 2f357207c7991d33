#include "server/api/endpoint.h"
#include "server/live/live.h"

namespace osprey::server {
namespace {

struct Request {
  std::int64_t query = 0;
  static constexpr auto fields() {
    return std::tuple(api::field("query", &Request::query, "Number of the live query."));
  }
};

Result<void> handle(const Request& request, const api::Context& context) {
  return context.services.live->cancel(request.query, context.caller, context.now);
}

}  // namespace

api::Endpoint cancel_live() {
  return api::endpoint(http::Method::post, "/api/v1/live/{query}/cancel", api::Permission::run_live,
                       "Ends a live query: who has not answered is asked no more.", handle);
}

}  // namespace osprey::server
