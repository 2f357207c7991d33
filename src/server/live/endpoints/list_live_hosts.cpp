#include "server/api/endpoint.h"
#include "server/api/page.h"
#include "server/live/records.h"

namespace osprey::server {
namespace {

struct Request {
  std::int64_t id = 0;
  std::optional<live::HostState> state;
  bool rows = false;
  std::int64_t limit = 50;
  std::optional<std::string> after;
  static constexpr auto fields() {
    return std::tuple(api::field("id", &Request::id, "Number of the live query."),
                      api::field("state", &Request::state, "Only hosts that stand so."),
                      api::field("rows", &Request::rows, "With the rows of each answer; then 50 hosts at most.",
                                 {.has_default = true}),
                      api::field("limit", &Request::limit, api::kLimitHelp, api::kLimitBounds),
                      api::field("after", &Request::after, api::kAfterHelp));
  }
};

constexpr std::int64_t kMostWithRows = 50;

Result<api::Page<live::HostAnswer>> handle(const Request& request, const api::Context& context) {
  TRY(live::find(*context.services.database, request.id));
  const auto limit = request.rows ? std::min(request.limit, kMostWithRows) : request.limit;
  live::HostsWanted wanted{.limit = limit + 1, .with_rows = request.rows};
  if (request.state) wanted.states = {*request.state};
  if (request.after) {
    const auto keys = TRY(api::read_cursor(*request.after, 1));
    wanted.after = parse<std::int64_t>(keys[0]).value_or(0);
  }
  api::Page<live::HostAnswer> page;
  page.items = TRY(live::hosts_of(*context.services.database, request.id, wanted));
  if (static_cast<std::int64_t>(page.items.size()) > limit) {
    page.items.pop_back();
    page.next = api::make_cursor({std::to_string(page.items.back().host)});
  }
  return page;
}

}  // namespace

api::Endpoint list_live_hosts() {
  return api::endpoint(http::Method::get, "/api/v1/live/{id}/hosts", api::Permission::view,
                       "How each host stands to a live query: who answered, who failed and why.", handle);
}

}  // namespace osprey::server
