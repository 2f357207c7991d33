#include "server/api/endpoint.h"
#include "server/api/page.h"
#include "server/live/records.h"

namespace osprey::server {
namespace {

struct Request {
  std::optional<live::State> state;
  std::int64_t limit = 50;
  std::optional<std::string> after;
  static constexpr auto fields() {
    return std::tuple(api::field("state", &Request::state, "Only those that stand so."),
                      api::field("limit", &Request::limit, api::kLimitHelp, api::kLimitBounds),
                      api::field("after", &Request::after, api::kAfterHelp));
  }
};

Result<api::Page<live::Query>> handle(const Request& request, const api::Context& context) {
  std::int64_t before = INT64_MAX;
  if (request.after) {
    const auto keys = TRY(api::read_cursor(*request.after, 1));
    before = parse<std::int64_t>(keys[0]).value_or(0);
  }
  api::Page<live::Query> page;
  page.items = TRY(live::list(*context.services.database, request.state, before, request.limit + 1));
  if (static_cast<std::int64_t>(page.items.size()) > request.limit) {
    page.items.pop_back();
    page.next = api::make_cursor({std::to_string(page.items.back().id)});
  }
  return page;
}

}  // namespace

api::Endpoint list_live() {
  return api::endpoint(http::Method::get, "/api/v1/live", api::Permission::view, "Live queries, the newest first.",
                       handle);
}

}  // namespace osprey::server
