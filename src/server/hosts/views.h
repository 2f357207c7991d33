// Hosts as the API shows them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/api/fields.h"
#include "server/hosts/search.h"
#include "server/hosts/service.h"
#include "server/tags/tags.h"

namespace osprey::server::hosts {

// A request about many hosts.
struct ManyHosts {
  std::vector<HostId> hosts;
  static constexpr auto fields() {
    return std::tuple(api::field("hosts", &ManyHosts::hosts, "Numbers of hosts; those that are gone are left out.",
                                 {.least = 1, .most = 1000}));
  }
};

// A host in a list.
struct HostRow {
  HostId id = 0;
  std::string name, identifier, uuid, platform, os, os_version, version, address;
  Status status = Status::online;
  Timestamp last_seen, enrolled;
  std::vector<std::string> tags;
  static constexpr std::string_view kTypeName = "HostRow";
  static constexpr auto fields() {
    return std::tuple(api::field("id", &HostRow::id, "The server's number of the host."),
                      api::field("name", &HostRow::name, "The host's name, else its identifier."),
                      api::field("identifier", &HostRow::identifier, "What it enrolled as."),
                      api::field("uuid", &HostRow::uuid, "The hardware's UUID."),
                      api::field("platform", &HostRow::platform, "Short name of its distribution."),
                      api::field("os", &HostRow::os, "Name of its distribution."),
                      api::field("os_version", &HostRow::os_version, "Version of it."),
                      api::field("version", &HostRow::version, "The agent's version."),
                      api::field("address", &HostRow::address, "Where it was last seen from."),
                      api::field("status", &HostRow::status, "By what its own intervals promise."),
                      api::field("last_seen", &HostRow::last_seen, "When it last spoke."),
                      api::field("enrolled", &HostRow::enrolled, "When it enrolled first."),
                      api::field("tags", &HostRow::tags, "Names of its tags, in the order of their rank."));
  }
};

// Names of tags by number, read once for many hosts.
class TagNames {
 public:
  explicit TagNames(const Services& services) {
    if (services.tags) tags_ = services.tags->all();
  }
  // In the order of their rank; tags that nobody knows are left out.
  std::vector<std::string> of(const Host& host) const;

 private:
  std::vector<tags::Named> tags_;
};

HostRow row_of(const Found& found, const TagNames& names, const StatusRule& rule, Timestamp now);

}  // namespace osprey::server::hosts
