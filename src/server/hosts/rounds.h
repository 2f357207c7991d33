// Rounds: which hosts are due to be asked a set of questions again: at once when they are new, on an interval with
// jitter from then on, sooner on demand; again and again, with growing pauses, as long as no answer comes.
#pragma once

#include <array>
#include <chrono>
#include <mutex>
#include <unordered_map>

#include "server/hosts/host.h"
#include "server/time.h"

namespace osprey::server::hosts {

// Thread-safe, in memory. Times that the clock's being set makes impossible count as due.
class Rounds {
 public:
  explicit Rounds(std::chrono::milliseconds interval) : interval_(interval.count()) {}

  // Takes the host in. `done`: when its last round ended, 0 for never. Hosts whose round is overdue are spread over the
  // interval, since after a stop of the server that is all of them.
  // `revision`: of the questions, as they were then.
  void start(HostId host, Timestamp done, Timestamp now, std::int64_t revision = 0);
  void forget(HostId host);
  bool knows(HostId host) const;

  // False for hosts that were not taken in.
  bool due(HostId host, Timestamp now) const;
  // Counts as asked; false: not due.
  bool ask(HostId host, Timestamp now);
  void finish(HostId host, Timestamp now, std::int64_t revision = 0);
  // Due now, whatever was asked. False: there is no such host.
  bool hurry(HostId host);

  // The last round that ended.
  struct Ended {
    Timestamp at;  // 0: none has
    std::int64_t revision = 0;
  };
  Ended ended(HostId host) const;

 private:
  struct State {
    std::int64_t due = 0;
    std::int64_t asked = 0;  // 0: not since the last answer
    Ended ended;
    unsigned tries = 0;
  };
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    std::unordered_map<HostId, State> states;
  };
  static constexpr std::size_t kShards = 64;

  Shard& shard(HostId host) const { return shards_[static_cast<std::size_t>(host) % kShards]; }
  bool is_due(const State& state, Timestamp now) const;
  std::int64_t part_of_interval(HostId host) const;  // its own, the same each time

  const std::int64_t interval_;
  mutable std::array<Shard, kShards> shards_;
};

}  // namespace osprey::server::hosts
