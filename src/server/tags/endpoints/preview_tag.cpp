#include <algorithm>

#include "server/api/endpoint.h"
#include "server/hosts/views.h"
#include "server/queries/sql_check.h"
#include "server/tags/views.h"

namespace osprey::server {
namespace {

constexpr std::size_t kMostShown = 100;

struct Request {
  std::optional<std::string> query;
  boost::json::value condition;
  static constexpr auto fields() {
    return std::tuple(api::field("query", &Request::query, "A query, as a tag's rule has it; or"),
                      api::field("condition", &Request::condition, "a condition.", {.has_default = true}));
  }
};

struct Preview {
  std::int64_t of = 0;
  std::optional<std::int64_t> hosts;
  std::vector<hosts::HostRow> shown;
  static constexpr std::string_view kTypeName = "TagPreview";
  static constexpr auto fields() {
    return std::tuple(
        api::field("of", &Preview::of, "How many hosts there are."),
        api::field("hosts", &Preview::hosts,
                   "How many would have the tag; null: a query that no tag has yet, which only the hosts can tell."),
        api::field("shown", &Preview::shown, "Up to a hundred of them."));
  }
};

// Hosts for which `holds` does.
template <class F>
Preview preview(const api::Context& context, const F& holds) {
  const auto& service = hosts::service(context.services);
  const hosts::TagNames names(context.services);
  std::vector<hosts::Found> found;
  Preview made{.hosts = 0, .shown = {}};
  service.roster().visit([&](const hosts::HostPtr& host, const hosts::Signs& signs) {
    ++made.of;
    if (!holds(*host)) return;
    ++*made.hosts;
    if (found.size() < kMostShown) found.push_back({host, hosts::last_of(signs)});
  });
  for (const auto& each : found)
    made.shown.push_back(hosts::row_of(each, names, service.options().status, context.now));
  return made;
}

Result<Preview> handle(const Request& request, const api::Context& context) {
  if (request.query.has_value() != request.condition.is_null())
    return api::problem(api::kInvalid, "/query", "a query or a condition is wanted");
  if (!request.query) {
    const auto condition = TRY(tags::Condition::parse(request.condition));
    return preview(context, [&](const hosts::Host& host) { return condition.holds(host); });
  }
  TRY(queries::check_sql(*request.query));
  const auto all = tags::service(context.services).tags();
  const auto same = std::ranges::find(all, *request.query, &tags::Tag::query);
  if (same != all.end())
    return preview(context, [&](const hosts::Host& host) { return std::ranges::binary_search(host.tags, same->id); });
  auto made = preview(context, [](const hosts::Host&) { return false; });
  made.hosts.reset();
  return made;
}

}  // namespace

api::Endpoint preview_tag() {
  return api::endpoint(http::Method::post, "/api/v1/tags/preview", api::Permission::view,
                       "Which hosts a rule would give a tag.", handle);
}

}  // namespace osprey::server
