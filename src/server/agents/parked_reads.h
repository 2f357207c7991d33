// ParkedReads: the distributed reads that are held open, one a host at most. What has been answered by its deadline, or
// whose peer has gone, is swept out as further ones come, so that there are at most about twice as many as hosts that
// hold one. Thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "server/hosts/host.h"
#include "server/http/responder.h"

namespace osprey::server::agents {

struct HeldRead {
  http::Responder responder;  // parked already
  std::string node_key;       // that the host showed
};

class ParkedReads {
 public:
  explicit ParkedReads(std::size_t most) : most_a_shard_(most / kShards + 1) {}

  struct Put {
    std::uint64_t ticket = 0;         // of this read; 0: there is no room, it is in `other`
    std::optional<HeldRead> other{};  // the host's read before, or this one
  };
  Put put(hosts::HostId host, HeldRead read);
  // The host's read, out of here; with a ticket only if it is that one.
  std::optional<HeldRead> take(hosts::HostId host, std::uint64_t ticket = 0);
  std::size_t size() const;

 private:
  static constexpr std::size_t kShards = 64;
  struct Parked {
    HeldRead read;
    std::uint64_t ticket;
  };
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<hosts::HostId, Parked> by_host;
    std::uint64_t tickets = 0;
    std::size_t until_sweep = 0;  // puts
  };
  Shard& shard_of(hosts::HostId host) noexcept { return shards_[static_cast<std::size_t>(host) % kShards]; }

  const std::size_t most_a_shard_;
  std::array<Shard, kShards> shards_;
};

}  // namespace osprey::server::agents
