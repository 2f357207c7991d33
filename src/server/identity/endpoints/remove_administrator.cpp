#include "server/activity/activity.h"
#include "server/api/endpoint.h"
#include "server/identity/administrators.h"

namespace osprey::server {
namespace {

struct Request {
  std::int64_t administrator = 0;
  static constexpr auto fields() {
    return std::tuple(api::field("administrator", &Request::administrator, "Number of the administrator."));
  }
};

Result<void> handle(const Request& request, const api::Context& context) {
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
