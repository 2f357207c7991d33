#include "server/api/endpoint.h"
#include "server/identity/tokens.h"

namespace osprey::server {
namespace {

Result<api::Page<identity::ApiToken>> handle(const api::PageRequest& page, const api::Context& context) {
  return TRY(context.services.database->read(
      [&](soci::session& sql) { return identity::list_tokens(sql, context.caller.administrator, page); }));
}

}  // namespace

api::Endpoint list_own_tokens() {
  return api::endpoint(http::Method::get, "/api/v1/me/tokens", api::Permission::signed_in, "One's own API tokens.",
                       handle);
}

}  // namespace osprey::server
