#include "server/api/endpoint.h"
#include "server/api/page.h"
#include "server/carves/carves.h"

namespace osprey::server {
namespace {

struct Request {
  std::optional<hosts::HostId> host;
  std::int64_t limit = 50;
  std::optional<std::string> after;
  static constexpr auto fields() {
    return std::tuple(api::field("host", &Request::host, "Only those of this host."),
                      api::field("limit", &Request::limit, api::kLimitHelp, api::kLimitBounds),
                      api::field("after", &Request::after, api::kAfterHelp));
  }
};

Result<api::Page<carves::Carve>> handle(const Request& request, const api::Context& context) {
  carves::CarveId before = INT64_MAX;
  if (request.after) {
    const auto keys = TRY(api::read_cursor(*request.after, 1));
    before = parse<carves::CarveId>(keys[0]).value_or(1);
  }
  api::Page<carves::Carve> page;
  page.items = TRY(context.services.carves->list(request.host, before, request.limit + 1));
  if (static_cast<std::int64_t>(page.items.size()) > request.limit) {
    page.items.pop_back();
    page.next = api::make_cursor({std::to_string(page.items.back().id)});
  }
  return page;
}

}  // namespace

api::Endpoint list_carves() {
  return api::endpoint(http::Method::get, "/api/v1/carves", api::Permission::view, "Carves, the newest first.", handle);
}

}  // namespace osprey::server
