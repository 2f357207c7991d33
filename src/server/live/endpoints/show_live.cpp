#include "server/api/endpoint.h"
#include "server/live/records.h"

namespace osprey::server {
namespace {

struct Response {
  live::Query query;
  live::Progress progress;
  static constexpr auto fields() {
    return std::tuple(api::field("query", &Response::query, "What is asked."),
                      api::field("progress", &Response::progress, "How its hosts stand to it."));
  }
};

Result<Response> handle(const live::OneQuery& request, const api::Context& context) {
  Response response;
  response.query = TRY(live::find(*context.services.database, request.query));
  response.progress = TRY(live::progress(*context.services.database, request.query));
  return response;
}

}  // namespace

api::Endpoint show_live() {
  return api::endpoint(http::Method::get, "/api/v1/live/{query}", api::Permission::view,
                       "One live query and its progress.", handle);
}

}  // namespace osprey::server
