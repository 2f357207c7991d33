#include "server/activity/entries.h"
#include "server/api/endpoint.h"

namespace osprey::server {
namespace {

struct Request : activity::Filter, api::PageRequest {
  static constexpr auto fields() { return std::tuple_cat(Filter::fields(), PageRequest::fields()); }
};

Result<api::Page<activity::Entry>> handle(const Request& request, const api::Context& context) {
  const auto before = TRY(api::id_before(request.after));
  auto found = TRY(context.services.database->read(
      [&](soci::session& sql) { return activity::list(sql, request, before, request.limit + 1); }));
  return api::page_by_id(std::move(found), request.limit);
}

}  // namespace

api::Endpoint list_activity() {
  return api::endpoint(http::Method::get, "/api/v1/activity", api::Permission::administer,
                       "Who did what and when, the latest first. Nothing of it can be changed.", handle);
}

}  // namespace osprey::server
