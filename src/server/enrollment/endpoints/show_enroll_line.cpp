#include "server/activity/activity.h"
#include "server/api/endpoint.h"
#include "server/enrollment/enroll_line.h"
#include "server/enrollment/secrets.h"

namespace osprey::server {
namespace {

Result<enrollment::EnrollLine> handle(const enrollment::OneSecret& request, const api::Context& context) {
  return context.services.database->write([&](db::Transaction& transaction) -> Result<enrollment::EnrollLine> {
    const auto [secret, text] = TRY(enrollment::read_secret(transaction, request.secret));
    activity::record(
        transaction, context.caller, context.now,
        {.verb = "enrollment_secret.shown", .subject = enrollment::subject_of(secret.id, secret.name), .details = {}});
    return enrollment::enroll_line(context.services.enrollment->options(), text);
  });
}

}  // namespace

api::Endpoint show_enroll_line() {
  return api::endpoint(http::Method::get, "/api/v1/enrollment/secrets/{secret}/line", api::Permission::manage,
                       "How a machine is enrolled with this secret: its text, a shell line, flags.", handle);
}

}  // namespace osprey::server
