#include <fmt/format.h>

#include "server/activity/activity.h"
#include "server/api/endpoint.h"
#include "server/carves/carves.h"

namespace osprey::server {
namespace {

struct Request {
  carves::CarveId id = 0;
  static constexpr auto fields() { return std::tuple(api::field("id", &Request::id, "The carve's number.")); }
};

Result<void> handle(const Request& request, const api::Context& context) {
  return context.services.database->write([&](db::Transaction& transaction) -> Result<void> {
    TRY(context.services.carves->remove(transaction, request.id));
    activity::record(transaction, context.caller, context.now,
                     {.verb = "carve.removed", .subject = fmt::format("carve {}", request.id), .details = {}});
    return {};
  });
}

}  // namespace

api::Endpoint remove_carve() {
  return api::endpoint(http::Method::delete_, "/api/v1/carves/{id}", api::Permission::manage,
                       "Removes a carve and what it holds.", handle);
}

}  // namespace osprey::server
