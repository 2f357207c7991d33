#include "server/agents/parked_reads.h"

#include <algorithm>

namespace osprey::server::agents {

ParkedReads::Put ParkedReads::put(hosts::HostId host, HeldRead read) {
  constexpr std::size_t kLeastSweep = 16;
  auto& shard = shard_of(host);
  const std::lock_guard lock(shard.mutex);
  if (shard.until_sweep == 0) {
    std::erase_if(shard.by_host, [](const auto& entry) { return !entry.second.read.responder.open(); });
    shard.until_sweep = std::max(kLeastSweep, shard.by_host.size());
  }
  --shard.until_sweep;

  Put put;
  const auto found = shard.by_host.find(host);
  if (found == shard.by_host.end() && shard.by_host.size() >= most_a_shard_) {
    put.other = std::move(read);
    return put;
  }
  put.ticket = ++shard.tickets;
  if (found == shard.by_host.end()) {
    shard.by_host.emplace(host, Parked{.read = std::move(read), .ticket = put.ticket});
  } else {
    put.other = std::move(found->second.read);
    found->second = Parked{.read = std::move(read), .ticket = put.ticket};
  }
  return put;
}

std::optional<HeldRead> ParkedReads::take(hosts::HostId host, std::uint64_t ticket) {
  auto& shard = shard_of(host);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.by_host.find(host);
  if (found == shard.by_host.end() || (ticket != 0 && found->second.ticket != ticket)) return std::nullopt;
  std::optional<HeldRead> taken(std::move(found->second.read));
  shard.by_host.erase(found);
  return taken;
}

std::size_t ParkedReads::size() const {
  std::size_t size = 0;
  for (const auto& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    size += shard.by_host.size();
  }
  return size;
}

}  // namespace osprey::server::agents
