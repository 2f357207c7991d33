#include "server/api/endpoint.h"
#include "server/api/page.h"
#include "server/enrollment/enrollment.h"
#include "server/enrollment/failures.h"

namespace osprey::server {
namespace {

struct Request {
  std::int64_t limit = 100;
  std::optional<std::string> after;
  static constexpr auto fields() {
    return std::tuple(api::field("limit", &Request::limit, api::kLimitHelp, api::kLimitBounds),
                      api::field("after", &Request::after, api::kAfterHelp));
  }
};

Result<api::Page<enrollment::Failure>> handle(const Request& request, const api::Context& context) {
  context.services.enrollment->settle();
  return enrollment::list_failures(*context.services.database, request.limit, request.after.value_or(""));
}

}  // namespace

api::Endpoint list_enrollment_failures() {
  return api::endpoint(http::Method::get, "/api/v1/enrollment/failures", api::Permission::view,
                       "Enrolments that were refused, by secret, address and reason; the latest first.", handle);
}

}  // namespace osprey::server
