#include <algorithm>

#include "server/api/endpoint.h"
#include "server/tags/records.h"

namespace osprey::server {
namespace {

struct Why {
  hosts::Origin origin = hosts::Origin::hand;
  Timestamp since;
  static constexpr auto fields() {
    return std::tuple(api::field("origin", &Why::origin, "By hand, by its secret or by the tag's rule."),
                      api::field("since", &Why::since, "Since when."));
  }
};

struct HostTag {
  std::int64_t id = 0;
  std::string name;
  std::int64_t rank = 0;
  bool has = false;
  std::vector<Why> because;
  std::optional<Timestamp> evaluated;
  std::optional<std::string> error;
  static constexpr std::string_view kTypeName = "HostTag";
  static constexpr auto fields() {
    return std::tuple(
        api::field("id", &HostTag::id, "The tag's number."), api::field("name", &HostTag::name, "Its name."),
        api::field("rank", &HostTag::rank, "Its rank."), api::field("has", &HostTag::has, "The host has it."),
        api::field("because", &HostTag::because, "Every reason why; none: it has it not."),
        api::field("evaluated", &HostTag::evaluated,
                   "When the tag's query was last evaluated here; null: it has none, or was not yet as it is now."),
        api::field("error", &HostTag::error, "Why that failed; the host is as it was before."));
  }
};

struct Listed {
  std::vector<HostTag> items;
  static constexpr auto fields() {
    return std::tuple(api::field("items", &Listed::items,
                                 "Tags that the host has, and those whose query it is asked, in the order of rank."));
  }
};

HostTag tag_of(const tags::Tag& tag, const std::vector<hosts::TagReason>& reasons, tags::Service::Evaluated evaluated,
               const std::vector<tags::Fault>& faults) {
  HostTag made{.id = tag.id, .name = tag.name, .rank = tag.rank, .because = {}, .evaluated = {}, .error = {}};
  for (const auto& reason : reasons)
    if (reason.tag == tag.id) made.because.push_back({reason.origin, reason.since});
  made.has = !made.because.empty();
  if (!tag.query.empty() && evaluated.revision >= tag.revision) made.evaluated = evaluated.at;
  if (const auto fault = std::ranges::find(faults, tag.id, &tags::Fault::tag); fault != faults.end())
    made.error = fault->error;
  return made;
}

Result<Listed> handle(const hosts::OneHost& request, const api::Context& context) {
  auto& hosts = hosts::service(context.services);
  const auto& service = tags::service(context.services);
  TRY(hosts.existing(request.host));
  const auto reasons = TRY(hosts.tag_reasons({&request.host, 1}));
  const auto faults = TRY(context.services.database->read(
      [&](soci::session& sql) { return tags::load_faults_of_host(sql, request.host); }));
  const auto evaluated = service.evaluated(request.host);
  Listed listed;
  for (const auto& tag : service.tags())
    if (auto made = tag_of(tag, reasons, evaluated, faults); made.has || !tag.query.empty())
      listed.items.push_back(std::move(made));
  return listed;
}

}  // namespace

api::Endpoint list_host_tags() {
  return api::endpoint(http::Method::get, "/api/v1/hosts/{host}/tags", api::Permission::view,
                       "A host's tags: why it has each, and how old that is.", handle);
}

}  // namespace osprey::server
