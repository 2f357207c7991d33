#include "server/activity/activity.h"
#include "server/api/endpoint.h"
#include "server/results/results.h"

namespace osprey::server {
namespace {

struct Request {
  std::int64_t keep_days = 0, keep_bytes = 0;
  static constexpr auto fields() {
    return std::tuple(api::field("keep_days", &Request::keep_days, "How many days rows are kept.",
                                 {.least = 1, .most = results::kMostDays}),
                      api::field("keep_bytes", &Request::keep_bytes, "How much they may take; 0: as much as there is.",
                                 {.least = 0}));
  }
};

Result<void> handle(const Request& request, const api::Context& context) {
  const results::Retention retention{request.keep_days, request.keep_bytes};
  return context.services.database->write([&](db::Transaction& transaction) -> Result<void> {
    TRY(context.services.results->set_retention(transaction, retention));
    activity::record(transaction, context.caller, context.now,
                     {.verb = "results.retention_changed",
                      .subject = "results",
                      .details = {{"keep_days", retention.days}, {"keep_bytes", retention.bytes}}});
    return {};
  });
}

}  // namespace

api::Endpoint change_result_retention() {
  return api::endpoint(http::Method::put, "/api/v1/results/retention", api::Permission::administer,
                       "How long rows are kept. What is beyond it is dropped within minutes.", handle);
}

}  // namespace osprey::server
