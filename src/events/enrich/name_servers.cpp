#include "events/enrich/name_servers.h"

#include "linux/files/resolv_conf.h"

namespace osprey::events {
namespace {

constexpr std::uint64_t kBetween = 1'000'000'000;
constexpr auto kFiles = {"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"};

}  // namespace

bool NameServers::has(std::string_view address, std::uint64_t moment) {
  if (moment >= next_) {
    next_ = moment + kBetween;
    addresses_.clear();
    for (const auto* path : kFiles) {
      const auto text = root_.read(path);
      if (!text) continue;
      // Without the interface of a link-local one.
      const auto found = linux::parse_resolv_conf(text->bytes);
      for (const auto& server : found.nameservers) addresses_.emplace(server.substr(0, server.find('%')));
    }
  }
  return addresses_.contains(address);
}

}  // namespace osprey::events
