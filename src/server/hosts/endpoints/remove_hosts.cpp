#include "server/api/endpoint.h"
#include "server/hosts/views.h"

namespace osprey::server {
namespace {

struct Removed {
  std::int64_t removed = 0;
  static constexpr auto fields() {
    return std::tuple(api::field("removed", &Removed::removed, "How many there were."));
  }
};

Result<Removed> handle(const hosts::ManyHosts& request, const api::Context& context) {
  const auto removed = TRY(hosts::service(context.services).remove(request.hosts, context.caller, context.now));
  return Removed{removed};
}

}  // namespace

api::Endpoint remove_hosts() {
  return api::endpoint(http::Method::post, "/api/v1/hosts/remove", api::Permission::manage,
                       "Removes many hosts and all that is kept of them.", handle);
}

}  // namespace osprey::server
