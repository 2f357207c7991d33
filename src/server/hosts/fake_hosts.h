// For tests of neighbours: hosts that are simply there.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/hosts/hosts.h"

namespace osprey::server::hosts {

// Numbered from 1; every second is a debian, the others ubuntu; every tenth has the tag 7.
struct FakeHosts : Hosts {
  explicit FakeHosts(int count) {
    for (int i = 1; i <= count; ++i) {
      auto host = std::make_shared<Host>();
      host->id = i;
      host->name = "host-" + std::to_string(i);
      host->platform = i % 2 == 0 ? "debian" : "ubuntu";
      if (i % 10 == 0) host->tags = {7};
      known.push_back(std::move(host));
    }
  }
  HostPtr find(HostId host) const override {
    return host >= 1 && host <= static_cast<HostId>(known.size()) ? known[static_cast<std::size_t>(host) - 1] : nullptr;
  }
  std::vector<HostPtr> all() const override { return known; }
  void seen(HostId, Sign, std::string_view, Timestamp) noexcept override {}
  Result<HostId> add(db::Transaction&, std::string_view, const Details&, std::span<const TagId>, Timestamp) override {
    return failure("host", "no hosts are added here");
  }
  Result<void> enrolled_again(db::Transaction&, HostId, const Details&, Timestamp) override { return {}; }
  void add_listener(std::function<void(HostId)>) override {}

  std::vector<HostPtr> known;
};

}  // namespace osprey::server::hosts
