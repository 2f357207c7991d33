#include "server/activity/activity.h"
#include "server/api/endpoint.h"
#include "server/api/json.h"
#include "server/results/results.h"

namespace osprey::server {
namespace {

struct Request {
  std::int64_t keep_days = 0, keep_bytes = 0;
  std::optional<std::map<std::string, std::int64_t>> keep_query_days;
  static constexpr auto fields() {
    return std::tuple(
        api::field("keep_days", &Request::keep_days, "How many days rows are kept.",
                   {.least = 1, .most = results::kMostDays}),
        api::field("keep_bytes", &Request::keep_bytes, "How much they may take; 0: as much as there is.", {.least = 0}),
        api::field("keep_query_days", &Request::keep_query_days,
                   "Days that rows of a query are kept, by the query's name, where these are not "
                   "`keep_days`: 1 to 36500. Without it they stay as they are.",
                   {.most = results::kMostQueriesWithDays}));
  }
};

Result<void> handle(const Request& request, const api::Context& context) {
  results::Retention retention{.days = request.keep_days, .bytes = request.keep_bytes};
  if (request.keep_query_days)
    retention.queries = *request.keep_query_days;
  else
    retention.queries = TRY(context.services.results->retention()).queries;
  return context.services.database->write([&](db::Transaction& transaction) -> Result<void> {
    TRY(context.services.results->set_retention(transaction, retention));
    activity::record(transaction, context.caller, context.now,
                     {.verb = "results.retention_changed",
                      .subject = "results",
                      .details = {{"keep_days", retention.days},
                                  {"keep_bytes", retention.bytes},
                                  {"keep_query_days", api::to_json(retention.queries)}}});
    return {};
  });
}

}  // namespace

api::Endpoint change_result_retention() {
  return api::endpoint(
      http::Method::put, "/api/v1/results/retention", api::Permission::administer,
      "How long rows are kept, in days by UTC. What is beyond it is dropped within minutes; where days of a "
      "query's own leave a part of a day, within hours where there is much. Where rows take too much, "
      "first goes what has used up most of its days.",
      handle);
}

}  // namespace osprey::server
