// Pending: which hosts still have to be asked what. From memory, for every read of every host.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "server/hosts/host.h"
#include "server/live/running.h"
#include "server/time.h"

namespace osprey::server::live {

// Thread-safe.
class Pending {
 public:
  explicit Pending(std::int64_t overdue_ms) : overdue_ms_(overdue_ms) {}

  // The host is to be asked, as if at `asked_at` last; also where it is known already.
  void add(hosts::HostId host, const RunningPtr& query, Timestamp asked_at);
  void remove(hosts::HostId host, std::int64_t query);
  // Of queries that ended.
  void sweep();

  bool has(hosts::HostId host, Timestamp now) const;
  // What the host is to be asked now; counts as asked.
  std::vector<RunningPtr> take(hosts::HostId host, Timestamp now);

 private:
  struct Entry {
    RunningPtr query;
    Timestamp asked_at;
  };
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<hosts::HostId, std::vector<Entry>> hosts;
  };
  bool due(const Entry& entry, Timestamp now) const;
  Shard& shard(hosts::HostId host) { return shards_[static_cast<std::size_t>(host) % shards_.size()]; }
  const Shard& shard(hosts::HostId host) const { return shards_[static_cast<std::size_t>(host) % shards_.size()]; }

  const std::int64_t overdue_ms_;
  std::array<Shard, 64> shards_;
};

}  // namespace osprey::server::live
