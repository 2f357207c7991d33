#include "server/api/endpoint.h"
#include "server/api/page.h"
#include "server/enrollment/enrollment.h"
#include "server/enrollment/failures.h"

namespace osprey::server {
namespace {

Result<api::Page<enrollment::Failure>> handle(const api::PageRequest& page, const api::Context& context) {
  context.services.enrollment->settle();
  return enrollment::list_failures(*context.services.database, page);
}

}  // namespace

api::Endpoint list_enrollment_failures() {
  return api::endpoint(http::Method::get, "/api/v1/enrollment/failures", api::Permission::view,
                       "Enrolments that were refused, by secret, address and reason; the latest first.", handle);
}

}  // namespace osprey::server
