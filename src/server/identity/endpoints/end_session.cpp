#include "server/activity/activity.h"
#include "server/api/endpoint.h"
#include "server/identity/acts.h"
#include "server/identity/sessions.h"

namespace osprey::server {
namespace {

struct Request {
  std::int64_t session = 0;
  static constexpr auto fields() {
    return std::tuple(api::field("session", &Request::session, "Number of the session."));
  }
};

Result<void> handle(const Request& request, const api::Context& context) {
  const auto& caller = context.caller;
  return context.services.database->write([&](db::Transaction& transaction) -> Result<void> {
    TRY(identity::end_session(transaction, caller.administrator, request.session));
    activity::record(transaction, caller, context.now,
                     {"session.ended", identity::subject_of(caller), {{"session", request.session}}});
    return {};
  });
}

}  // namespace

api::Endpoint end_session() {
  return api::endpoint(http::Method::delete_, "/api/v1/me/sessions/{session}", api::Permission::signed_in,
                       "Ends one of one's own sessions.", handle);
}

}  // namespace osprey::server
