#include "server/api/endpoint.h"
#include "server/live/live.h"

namespace osprey::server {
namespace {

Result<void> handle(const live::OneQuery& request, const api::Context& context) {
  return context.services.live->cancel(request.query, context.caller, context.now);
}

}  // namespace

api::Endpoint cancel_live() {
  return api::endpoint(http::Method::post, "/api/v1/live/{query}/cancel", api::Permission::run_live,
                       "Ends a live query: who has not answered is asked no more.", handle);
}

}  // namespace osprey::server
