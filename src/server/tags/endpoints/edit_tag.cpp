#include "server/api/endpoint.h"
#include "server/tags/views.h"

namespace osprey::server {
namespace {

struct Request : tags::OneTag, tags::Written {
  static constexpr auto fields() { return std::tuple_cat(OneTag::fields(), Written::fields()); }
};

Result<tags::TagRow> handle(const Request& request, const api::Context& context) {
  const auto tag = TRY(tags::service(context.services).edit(request.tag, request.draft(), context.caller, context.now));
  return tags::row_of(tag, tags::count_members(hosts::service(context.services).roster())[tag.id]);
}

}  // namespace

api::Endpoint edit_tag() {
  return api::endpoint(
      http::Method::put, "/api/v1/tags/{tag}", api::Permission::manage,
      "Replaces what a tag says. With another rule, hosts keep the tag until they are held against it.", handle);
}

}  // namespace osprey::server
