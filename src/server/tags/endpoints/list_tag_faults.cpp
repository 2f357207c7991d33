#include "server/api/endpoint.h"
#include "server/api/page.h"
#include "server/tags/records.h"
#include "server/tags/views.h"

namespace osprey::server {
namespace {

struct Request : tags::OneTag, api::PageRequest {
  static constexpr auto fields() { return std::tuple_cat(OneTag::fields(), PageRequest::fields()); }
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
  const auto after = TRY(api::id_after(request.after));
  const auto faults = TRY(context.services.database->read(
      [&](soci::session& sql) { return tags::load_faults_of_tag(sql, request.tag, after, request.limit + 1); }));
  std::vector<FaultRow> rows;
  for (const auto& fault : faults) {
    const auto host = context.services.hosts->find(fault.host);
    rows.push_back({fault.host, host ? host->name : "", fault.error, fault.failed});
  }
  return api::page_by_id(std::move(rows), request.limit, &FaultRow::host);
}

}  // namespace

api::Endpoint list_tag_faults() {
  return api::endpoint(http::Method::get, "/api/v1/tags/{tag}/faults", api::Permission::view,
                       "Hosts on which a tag's query failed; they have the tag, or have it not, as before.", handle);
}

}  // namespace osprey::server
