#include <fmt/format.h>

#include "server/activity/activity.h"
#include "server/api/endpoint.h"
#include "server/carves/carves.h"

namespace osprey::server {
namespace {

Result<void> handle(const carves::OneCarve& request, const api::Context& context) {
  return context.services.database->write([&](db::Transaction& transaction) -> Result<void> {
    TRY(context.services.carves->remove(transaction, request.carve));
    activity::record(transaction, context.caller, context.now,
                     {.verb = "carve.removed", .subject = fmt::format("carve {}", request.carve), .details = {}});
    return {};
  });
}

}  // namespace

api::Endpoint remove_carve() {
  return api::endpoint(http::Method::delete_, "/api/v1/carves/{carve}", api::Permission::manage,
                       "Removes a carve and what it holds.", handle);
}

}  // namespace osprey::server
