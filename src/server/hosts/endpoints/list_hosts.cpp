#include "server/api/endpoint.h"
#include "server/api/page.h"
#include "server/hosts/views.h"

namespace osprey::server {
namespace {

struct Request : api::PageRequest {
  std::string text;
  std::vector<std::int64_t> tag;
  std::optional<hosts::Status> status;
  std::optional<std::string> platform, version;
  hosts::Sort sort = hosts::Sort::name;
  bool descending = false;
  static constexpr auto fields() {
    return std::tuple_cat(
        std::tuple(
            api::field("text", &Request::text, "Within name, identifier, UUID, address, platform or serial number.",
                       {.most = 200, .has_default = true}),
            api::field("tag", &Request::tag, "Number of a tag; of several, hosts that have all.",
                       {.most = 20, .has_default = true}),
            api::field("status", &Request::status, "Only hosts that stand so."),
            api::field("platform", &Request::platform, "Only this platform.", {.most = 256}),
            api::field("version", &Request::version, "Only this version of the agent.", {.most = 256}),
            api::field("sort", &Request::sort, "What the list is ordered by.", {.has_default = true}),
            api::field("descending", &Request::descending, "The other way round.", {.has_default = true})),
        PageRequest::fields());
  }
};

Result<api::Page<hosts::HostRow>> handle(const Request& request, const api::Context& context) {
  auto& service = hosts::service(context.services);
  hosts::Wanted wanted{.filter = {request.text, request.tag, request.status, request.platform, request.version},
                       .sort = request.sort,
                       .descending = request.descending,
                       .limit = static_cast<std::size_t>(request.limit)};
  if (request.after) wanted.after = TRY(api::read_cursor(*request.after, hosts::kCursorKeys));
  const auto& rule = service.options().status;
  const auto found = hosts::search(service.roster(), wanted, rule, context.now);
  const hosts::TagNames names(context.services);
  api::Page<hosts::HostRow> page;
  for (const auto& each : found.hosts) page.items.push_back(hosts::row_of(each, names, rule, context.now));
  if (found.more) page.next = api::make_cursor(hosts::keys_of(found.hosts.back(), request.sort));
  return page;
}

}  // namespace

api::Endpoint list_hosts() {
  return api::endpoint(http::Method::get, "/api/v1/hosts", api::Permission::view,
                       "Hosts that a search finds, page by page.", handle);
}

}  // namespace osprey::server
