// Roster: every host in memory, with when it was last seen.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "server/hosts/hosts.h"

namespace osprey::server::hosts {

// When each sign was last seen, by the server's clock; 0: never.
using Signs = std::array<std::int64_t, kSigns>;

Timestamp last_of(const Signs& signs) noexcept;

// What was seen since the last take_seen().
struct SeenChange {
  HostId host = 0;
  Signs signs{};              // 0: nothing new
  std::string address;        // empty: the same
  std::string configuration;  // empty: the same
};

// Thread-safe. In shards, so that the listener's threads do not meet: reading and seen() take a shard's lock shared.
class Roster {
 public:
  HostPtr find(HostId host) const;
  std::vector<HostPtr> all() const;
  std::size_t size() const;
  Signs signs(HostId host) const;
  // Visits all, each shard under its lock: `visit` is to be short and must not come back here.
  void visit(const std::function<void(const HostPtr&, const Signs&)>& visit) const;

  // A new snapshot; the signs stay, or become `signs` where the host is new. False: it says what the old one did.
  bool put(HostPtr host, const Signs& signs);
  bool erase(HostId host);

  // Takes the lock alone only for an address that is new.
  void seen(HostId host, Sign sign, std::string_view address, Timestamp now) noexcept;
  // The same for an etag that is new.
  void given(HostId host, std::string_view etag) noexcept;
  // The etag that waits to be written; empty: none does.
  std::string configuration(HostId host) const;
  std::vector<SeenChange> take_seen();
  // What could not be written comes again with the next take_seen().
  void put_back(const std::vector<SeenChange>& changes);
  // What another server has seen.
  void merge(HostId host, Sign sign, Timestamp at) noexcept;

 private:
  struct Entry {
    HostPtr host;
    std::array<std::atomic<std::int64_t>, kSigns> signs{};
    std::atomic<std::uint8_t> fresh{0};  // bits of signs that are not written yet; kAddress, kConfiguration
    std::string address;                 // seen and not written yet
    std::string configuration;           // given and not written yet
    std::atomic<std::size_t> given_hash{
        0};  // of the etag that was given last; 0: none, or another server gave one since
  };
  static constexpr std::uint8_t kAddress = 1U << kSigns;
  static constexpr std::uint8_t kConfiguration = kAddress << 1;

  struct alignas(64) Shard {
    mutable std::shared_mutex mutex;
    std::unordered_map<HostId, std::unique_ptr<Entry>> entries;
    std::mutex fresh_mutex;
    std::vector<HostId> fresh;
  };
  static constexpr std::size_t kShards = 64;

  Shard& shard(HostId host) { return shards_[static_cast<std::size_t>(host) % kShards]; }
  const Shard& shard(HostId host) const { return shards_[static_cast<std::size_t>(host) % kShards]; }
  static void mark(Shard& shard, Entry& entry, HostId host, std::uint8_t bits);
  static void note_address(Shard& shard, HostId host, std::string_view address);

  std::array<Shard, kShards> shards_;
};

}  // namespace osprey::server::hosts
