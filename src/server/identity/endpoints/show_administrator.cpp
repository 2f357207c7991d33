#include "server/api/endpoint.h"
#include "server/identity/administrators.h"

namespace osprey::server {
namespace {

struct Request {
  std::int64_t administrator = 0;
  static constexpr auto fields() {
    return std::tuple(api::field("administrator", &Request::administrator, "Number of the administrator."));
  }
};

Result<identity::Administrator> handle(const Request& request, const api::Context& context) {
  return TRY(
      context.services.database->read([&](soci::session& sql) { return identity::find(sql, request.administrator); }));
}

}  // namespace

api::Endpoint show_administrator() {
  return api::endpoint(http::Method::get, "/api/v1/administrators/{administrator}", api::Permission::administer,
                       "One administrator.", handle);
}

}  // namespace osprey::server
