#include "server/api/endpoint.h"
#include "server/tags/views.h"

namespace osprey::server {
namespace {

struct Request : tags::OneTag {
  std::vector<std::int64_t> add, remove;
  static constexpr auto fields() {
    return std::tuple_cat(
        OneTag::fields(),
        std::tuple(api::field("add", &Request::add, "Numbers of hosts that get it by hand.",
                              {.most = 10'000, .has_default = true}),
                   api::field("remove", &Request::remove,
                              "Numbers of hosts that have it by hand no longer; by a rule or a secret they keep it.",
                              {.most = 10'000, .has_default = true})));
  }
};

Result<void> handle(const Request& request, const api::Context& context) {
  return tags::service(context.services).give(request.tag, request.add, request.remove, context.caller, context.now);
}

}  // namespace

api::Endpoint change_tag_hosts() {
  return api::endpoint(http::Method::post, "/api/v1/tags/{tag}/hosts", api::Permission::manage,
                       "Gives and takes a tag by hand, of many hosts at once; those that are gone are left out.",
                       handle);
}

}  // namespace osprey::server
