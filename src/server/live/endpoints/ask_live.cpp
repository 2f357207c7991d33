#include <fmt/format.h>

#include "server/api/endpoint.h"
#include "server/live/live.h"

namespace osprey::server {
namespace {

Result<api::Created<live::Query>> handle(const live::Question& question, const api::Context& context) {
  auto asked = TRY(context.services.live->ask(question, context.caller, context.now));
  auto location = fmt::format("/api/v1/live/{}", asked.id);
  return api::Created<live::Query>{std::move(asked), std::move(location)};
}

}  // namespace

api::Endpoint ask_live() {
  return api::endpoint(http::Method::post, "/api/v1/live", api::Permission::run_live, "Asks hosts a query now.",
                       handle);
}

}  // namespace osprey::server
