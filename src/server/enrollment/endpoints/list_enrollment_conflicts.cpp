#include "server/api/endpoint.h"
#include "server/api/page.h"
#include "server/enrollment/conflicts.h"
#include "server/enrollment/enrollment.h"

namespace osprey::server {
namespace {

Result<api::Page<enrollment::Conflict>> handle(const api::PageRequest& page, const api::Context& context) {
  context.services.enrollment->settle();
  return enrollment::list_conflicts(*context.services.database, page);
}

}  // namespace

api::Endpoint list_enrollment_conflicts() {
  return api::endpoint(http::Method::get, "/api/v1/enrollment/conflicts", api::Permission::view,
                       "Machines that are alive under one host identifier, as pairs; the latest first.", handle);
}

}  // namespace osprey::server
