#include "server/api/endpoint.h"
#include "server/identity/administrators.h"

namespace osprey::server {
namespace {

using api::field;

struct Request {
  std::int64_t limit = 100;
  std::optional<std::string> after;
  static constexpr auto fields() {
    return std::tuple(field("limit", &Request::limit, api::kLimitHelp, api::kLimitBounds),
                      field("after", &Request::after, api::kAfterHelp));
  }
};

Result<api::Page<identity::Administrator>> handle(const Request& request, const api::Context& context) {
  return TRY(context.services.database->read(
      [&](soci::session& sql) { return identity::list(sql, request.limit, request.after); }));
}

}  // namespace

api::Endpoint list_administrators() {
  return api::endpoint(http::Method::get, "/api/v1/administrators", api::Permission::administer, "The administrators.",
                       handle);
}

}  // namespace osprey::server
