// NodeKeys: every node key of the fleet in memory, by its hash (about 60 bytes each), so that a request is known by its
// first header. Thread-safe; recall() from any number of threads at a time.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "server/enrollment/digest.h"
#include "server/hosts/host.h"
#include "server/time.h"

namespace osprey::server::enrollment {

// What servers tell each other of a key, and what is in the database.
struct NodeKey {
  Digest hash{};
  hosts::HostId host = 0;  // 0: it is no more
  bool used = false;
  std::int64_t ends_at = 0;       // ms; 0: it goes on
  std::optional<Digest> rival{};  // given out later, perhaps to the same machine
  std::int64_t rival_at = 0;
};
std::string to_message(const NodeKey& key);
std::optional<NodeKey> from_message(std::string_view message);

class NodeKeys {
 public:
  // What using keys brings to light.
  struct Finding {
    enum class Kind : std::uint8_t {
      first_use,      // of a key that is some other's rival
      both_alive,     // the key and `rival`
      two_addresses,  // the key, to and fro
    };
    Kind kind;
    Digest hash;
    Digest rival{};
    std::string address{};
    std::string other_address{};
  };

  // The host, 0 for a key that is none; none: memory cannot tell. `address`: where it was used.
  std::optional<hosts::HostId> recall(std::string_view key, std::string_view address, Timestamp now) const;
  // Whether it is a key of the host's now; no use of it.
  bool is_of(std::string_view key, hosts::HostId host, Timestamp now) const;
  std::vector<Finding> take_findings();

  void put(const NodeKey& key);
  void replace_all(const std::vector<NodeKey>& keys);
  // The database does not know the key either.
  void put_unknown(const Digest& hash, Timestamp now);
  std::size_t size() const;

  // Two uses by one machine, before and after it got its new key, are this far apart at most: a request that was on
  // its way or held open.
  static constexpr std::int64_t kOverlapMs = 120'000;
  // So many times to and fro between two addresses within an hour are told, once.
  static constexpr std::uint8_t kToAndFro = 30;

 private:
  // The last two addresses of a key, by 16 bits of their hashes.
  struct Addresses {
    std::uint16_t last = 0;
    std::uint16_t other = 0;
    std::uint8_t changes = 0;  // to and fro, within `hour`
    std::uint8_t hour = 0;
    std::uint16_t unused = 0;
  };
  struct Entry {
    hosts::HostId host;
    mutable std::uint64_t addresses;  // Addresses, by atomic_ref
    mutable bool used;                // by atomic_ref
    bool watched;                     // there is a Watch
  };
  struct Watch {
    std::int64_t ends_at;
    std::optional<Digest> rival;
    std::int64_t rival_at;
    mutable bool told = false;  // by atomic_ref
  };
  void put_locked(const NodeKey& key);
  void found(Finding finding) const;
  void note_address(const Digest& hash, const Entry& entry, std::string_view address, Timestamp now) const;
  bool is_used(const Digest& hash) const;
  bool unknown(const Digest& hash, Timestamp now) const;

  mutable std::shared_mutex mutex_;
  boost::unordered_flat_map<Digest, Entry, DigestHash> keys_;
  std::unordered_map<Digest, Watch, DigestHash> watches_;
  std::unordered_set<Digest, DigestHash> rivals_;

  static constexpr std::size_t kMostUnknown = 16'384;
  static constexpr std::int64_t kUnknownMs = 30'000;
  mutable std::mutex unknown_mutex_;
  std::unordered_map<Digest, std::int64_t, DigestHash> unknown_until_;

  mutable std::mutex findings_mutex_;
  mutable std::vector<Finding> findings_;
  mutable std::unordered_map<Digest, std::string, DigestHash> first_of_two_;  // of two addresses, the one before
};

}  // namespace osprey::server::enrollment
