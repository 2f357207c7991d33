#include "server/activity/activity.h"
#include "server/api/endpoint.h"
#include "server/identity/administrators.h"

namespace osprey::server {
namespace {

Result<void> handle(const identity::OneAdministrator& request, const api::Context& context) {
  return context.services.database->write([&](db::Transaction& transaction) -> Result<void> {
    const auto removed = TRY(identity::remove(transaction, request.administrator));
    activity::record(transaction, context.caller, context.now, {"administrator.removed", subject_of(removed), {}});
    return {};
  });
}

}  // namespace

api::Endpoint remove_administrator() {
  return api::endpoint(http::Method::delete_, "/api/v1/administrators/{administrator}", api::Permission::administer,
                       "Removes an administrator with all sessions and tokens.", handle);
}

}  // namespace osprey::server
