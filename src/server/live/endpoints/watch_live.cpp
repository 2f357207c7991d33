#include "server/api/endpoint.h"
#include "server/live/live.h"
#include "server/live/records.h"

namespace osprey::server {
namespace {

void handle(const live::OneQuery& request, const api::Context& context, http::Responder responder) {
  if (const auto query = live::find(*context.services.database, request.query); !query) {
    responder.send(api::problem_response(query.error()));
    return;
  }
  context.services.live->watch(request.query, responder.stream({.content_type = "text/event-stream",
                                                                .headers = {{"cache-control", "no-store"}}}));
}

}  // namespace

api::Endpoint watch_live() {
  return api::endpoint(http::Method::get, "/api/v1/live/{query}/events", api::Permission::view,
                       "Server-sent events of a live query, from its beginning: query, answer (one a host), progress, "
                       "done. Ends with the query.",
                       handle, "text/event-stream");
}

}  // namespace osprey::server
