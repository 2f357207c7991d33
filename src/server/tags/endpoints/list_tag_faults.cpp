#include "server/api/endpoint.h"
#include "server/api/page.h"
#include "server/tags/records.h"

namespace osprey::server {
namespace {

struct Request {
  std::int64_t tag = 0;
  std::int64_t limit = 100;
  std::optional<std::string> after;
  static constexpr auto fields() {
    return std::tuple(api::field("tag", &Request::tag, "The tag's number."),
                      api::field("limit", &Request::limit, api::kLimitHelp, api::kLimitBounds),
                      api::field("after", &Request::after, api::kAfterHelp));
  }
};

struct FaultRow {
  std::int64_t host = 0;
  std::string name, error;
  Timestamp failed;
  static constexpr std::string_view kTypeName = "TagFault";
  static constexpr auto fields() {
    return std::tuple(
        api::field("host", &FaultRow::host, "The host's number."), api::field("name", &FaultRow::name, "Its name."),
        api::field("error", &FaultRow::error, "What the host said."), api::field("failed", &FaultRow::failed, "When."));
  }
};

Result<api::Page<FaultRow>> handle(const Request& request, const api::Context& context) {
  TRY(tags::service(context.services).find(request.tag));
  std::int64_t after = 0;
  if (request.after) after = parse<std::int64_t>(TRY(api::read_cursor(*request.after, 1))[0]).value_or(0);
  const auto faults = TRY(context.services.database->read(
      [&](soci::session& sql) { return tags::load_faults_of_tag(sql, request.tag, after, request.limit + 1); }));
  api::Page<FaultRow> page;
  for (const auto& fault : faults) {
    const auto host = context.services.hosts->find(fault.host);
    page.items.push_back({fault.host, host ? host->name : "", fault.error, fault.failed});
  }
  if (static_cast<std::int64_t>(page.items.size()) > request.limit) {
    page.items.pop_back();
    page.next = api::make_cursor({std::to_string(page.items.back().host)});
  }
  return page;
}

}  // namespace

api::Endpoint list_tag_faults() {
  return api::endpoint(http::Method::get, "/api/v1/tags/{tag}/faults", api::Permission::view,
                       "Hosts on which a tag's query failed; they have the tag, or have it not, as before.", handle);
}

}  // namespace osprey::server
