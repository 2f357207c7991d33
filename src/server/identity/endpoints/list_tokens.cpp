#include "server/api/endpoint.h"
#include "server/identity/tokens.h"

namespace osprey::server {
namespace {

using api::field;

struct Request {
  std::optional<std::int64_t> administrator;
  std::int64_t limit = 100;
  std::optional<std::string> after;
  static constexpr auto fields() {
    return std::tuple(field("administrator", &Request::administrator, "Whose.", {.least = 1}),
                      field("limit", &Request::limit, api::kLimitHelp, api::kLimitBounds),
                      field("after", &Request::after, api::kAfterHelp));
  }
};

Result<api::Page<identity::ApiToken>> handle(const Request& request, const api::Context& context) {
  return TRY(context.services.database->read([&](soci::session& sql) {
    return identity::list_tokens(sql, request.administrator.value_or(identity::kAnybody), request.limit, request.after);
  }));
}

}  // namespace

api::Endpoint list_tokens() {
  return api::endpoint(http::Method::get, "/api/v1/tokens", api::Permission::administer,
                       "All API tokens, or those of one administrator.", handle);
}

}  // namespace osprey::server
