#include "server/api/endpoint.h"
#include "server/live/live.h"

namespace osprey::server {
namespace {

struct Response {
  std::int64_t hosts = 0;
  static constexpr auto fields() {
    return std::tuple(api::field("hosts", &Response::hosts, "How many hosts are asked again."));
  }
};

Result<Response> handle(const live::OneQuery& request, const api::Context& context) {
  Response response;
  response.hosts = TRY(context.services.live->ask_again(request.query, context.caller, context.now));
  return response;
}

}  // namespace

api::Endpoint ask_live_again() {
  return api::endpoint(
      http::Method::post, "/api/v1/live/{query}/ask_again", api::Permission::run_live,
      "Asks hosts once more that failed, or were asked and have not answered: they count as waiting, "
      "and a query that had finished runs again. Answers that came with rows stay; hosts that wait "
      "to be asked go on doing so. Who watches the query is sent the new answers, too. Refused where it "
      "was cancelled or its time is over.",
      handle);
}

}  // namespace osprey::server
