#include "server/api/endpoint.h"
#include "server/api/page.h"
#include "server/live/records.h"

namespace osprey::server {
namespace {

struct Request : api::PageRequest {
  Request() { limit = 50; }
  std::optional<live::State> state;
  std::optional<hosts::HostId> host;
  static constexpr auto fields() {
    return std::tuple_cat(std::tuple(api::field("state", &Request::state, "Only those that stand so."),
                                     api::field("host", &Request::host, "Only those that are for this host.")),
                          PageRequest::fields());
  }
};

Result<api::Page<live::Query>> handle(const Request& request, const api::Context& context) {
  const auto before = TRY(api::id_before(request.after));
  auto found =
      TRY(live::list(*context.services.database,
                     {.state = request.state, .host = request.host, .before = before, .limit = request.limit + 1}));
  return api::page_by_id(std::move(found), request.limit);
}

}  // namespace

api::Endpoint list_live() {
  return api::endpoint(http::Method::get, "/api/v1/live", api::Permission::view, "Live queries, the newest first.",
                       handle);
}

}  // namespace osprey::server
