#include "server/api/endpoint.h"
#include "server/api/page.h"
#include "server/live/records.h"

namespace osprey::server {
namespace {

struct Request : live::OneQuery, api::PageRequest {
  Request() { limit = 50; }
  std::optional<live::HostState> state;
  bool rows = false;
  static constexpr auto fields() {
    return std::tuple_cat(
        OneQuery::fields(),
        std::tuple(api::field("state", &Request::state, "Only hosts that stand so."),
                   api::field("rows", &Request::rows, "With the rows of each answer; then 50 hosts at most.",
                              {.has_default = true})),
        PageRequest::fields());
  }
};

constexpr std::int64_t kMostWithRows = 50;

Result<api::Page<live::HostAnswer>> handle(const Request& request, const api::Context& context) {
  TRY(live::find(*context.services.database, request.query));
  const auto limit = request.rows ? std::min(request.limit, kMostWithRows) : request.limit;
  const auto after = TRY(api::id_after(request.after));
  live::HostsWanted wanted{.after = after, .limit = limit + 1, .with_rows = request.rows};
  if (request.state) wanted.states = {*request.state};
  auto found = TRY(live::hosts_of(*context.services.database, request.query, wanted));
  return api::page_by_id(std::move(found), limit, &live::HostAnswer::host);
}

}  // namespace

api::Endpoint list_live_hosts() {
  return api::endpoint(http::Method::get, "/api/v1/live/{query}/hosts", api::Permission::view,
                       "How each host stands to a live query: who answered, who failed and why.", handle);
}

}  // namespace osprey::server
