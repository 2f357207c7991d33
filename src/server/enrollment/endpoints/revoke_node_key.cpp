#include "server/activity/activity.h"
#include "server/api/endpoint.h"
#include "server/carves/carves.h"
#include "server/enrollment/enrollment.h"
#include "server/hosts/hosts.h"

namespace osprey::server {
namespace {

struct Request {
  std::int64_t host = 0;
  bool may_enroll_again = true;
  static constexpr auto fields() {
    using api::field;
    return std::tuple(
        field("host", &Request::host, "Number of the host.", {.least = 1}),
        field("may_enroll_again", &Request::may_enroll_again,
              "Whether the machine may enrol with a secret, as this host. True lets one in again that might not.",
              {.has_default = true}));
  }
};

Result<void> handle(const Request& request, const api::Context& context) {
  const auto& services = context.services;
  const auto host = TRY(services.hosts->existing(request.host));
  return services.database->write([&](db::Transaction& transaction) -> Result<void> {
    TRY(services.enrollment->revoke(transaction, host->id, request.may_enroll_again, context.now));
    TRY(services.carves->end_sessions(transaction, host->id));
    activity::record(transaction, context.caller, context.now,
                     {.verb = "node_key.revoked",
                      .subject = activity::subject("host", host->id, host->name),
                      .details = {{"may_enroll_again", request.may_enroll_again}}});
    return {};
  });
}

}  // namespace

api::Endpoint revoke_node_key() {
  return api::endpoint(http::Method::post, "/api/v1/hosts/{host}/revoke_node_key", api::Permission::manage,
                       "Ends a host's node key: nothing that shows it is listened to any more.", handle);
}

}  // namespace osprey::server
