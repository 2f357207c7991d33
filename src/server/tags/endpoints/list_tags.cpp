#include "server/api/endpoint.h"
#include "server/tags/views.h"

namespace osprey::server {
namespace {

struct Listed {
  std::vector<tags::TagRow> items;
  static constexpr auto fields() {
    return std::tuple(api::field("items", &Listed::items, "All tags, in the order of their rank, the highest last."));
  }
};

Result<Listed> handle(const api::Nothing&, const api::Context& context) {
  auto counts = tags::count_members(hosts::service(context.services).roster());
  Listed listed;
  for (const auto& tag : tags::service(context.services).tags())
    listed.items.push_back(tags::row_of(tag, counts[tag.id]));
  return listed;
}

}  // namespace

api::Endpoint list_tags() {
  return api::endpoint(http::Method::get, "/api/v1/tags", api::Permission::view, "Tags, with how many hosts have them.",
                       handle);
}

}  // namespace osprey::server
