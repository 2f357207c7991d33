#include "server/api/endpoint.h"
#include "server/identity/tokens.h"

namespace osprey::server {
namespace {

struct Request : api::PageRequest {
  std::optional<std::int64_t> administrator;
  static constexpr auto fields() {
    return std::tuple_cat(std::tuple(api::field("administrator", &Request::administrator, "Whose.", {.least = 1})),
                          PageRequest::fields());
  }
};

Result<api::Page<identity::ApiToken>> handle(const Request& request, const api::Context& context) {
  return TRY(context.services.database->read([&](soci::session& sql) {
    return identity::list_tokens(sql, request.administrator.value_or(identity::kAnybody), request);
  }));
}

}  // namespace

api::Endpoint list_tokens() {
  return api::endpoint(http::Method::get, "/api/v1/tokens", api::Permission::administer,
                       "All API tokens, or those of one administrator.", handle);
}

}  // namespace osprey::server
