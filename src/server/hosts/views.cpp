#include "server/hosts/views.h"

#include <algorithm>

namespace osprey::server::hosts {

std::vector<std::string> TagNames::of(const Host& host) const {
  std::vector<std::string> names;
  for (const auto& tag : tags_)
    if (std::ranges::binary_search(host.tags, tag.id)) names.push_back(tag.name);
  return names;
}

HostRow row_of(const Found& found, const TagNames& names, const StatusRule& rule, Timestamp now) {
  const auto& host = *found.host;
  return {.id = host.id,
          .name = host.name,
          .identifier = host.identifier,
          .uuid = host.uuid,
          .platform = host.platform,
          .os = host.os,
          .os_version = host.os_version,
          .version = host.version,
          .address = host.address,
          .status = rule.status(host.promise, found.last_seen, now),
          .last_seen = found.last_seen,
          .enrolled = host.enrolled,
          .tags = names.of(host)};
}

}  // namespace osprey::server::hosts
