// NodeKeys: every node key of the fleet in memory, by its hash (48 bytes each), so that a request is known by its first
// header. Thread-safe; recall() from any number of threads at a time.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <functional>
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
    Digest hash;
    std::optional<Digest>
        rival;  // both are in use; none: `hash`, which is some key's rival, is used for the first time
  };

  // The host, 0 for a key that is none; none: memory cannot tell.
  std::optional<hosts::HostId> recall(std::string_view key, Timestamp now) const;
  // Calls on the thread of recall() when there is a finding; must not wait.
  void on_finding(std::function<void()> tell) { tell_ = std::move(tell); }
  std::vector<Finding> take_findings();

  void put(const NodeKey& key);
  void replace_all(const std::vector<NodeKey>& keys);
  // The database does not know the key either.
  void put_unknown(const Digest& hash, Timestamp now);
  std::vector<Digest> of_host(hosts::HostId host) const;
  std::size_t size() const;

  // Two uses by one machine, before and after it got its new key, are this far apart at most: a request that was on
  // its way or held open.
  static constexpr std::int64_t kOverlapMs = 120'000;

 private:
  struct Entry {
    hosts::HostId host;
    mutable bool used;  // by atomic_ref
    bool watched;       // there is a Watch
  };
  struct Watch {
    std::int64_t ends_at;
    std::optional<Digest> rival;
    std::int64_t rival_at;
    mutable bool told = false;  // by atomic_ref
  };
  void put_locked(const NodeKey& key);
  void found(const Finding& finding) const;
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

  std::function<void()> tell_;
  mutable std::mutex findings_mutex_;
  mutable std::vector<Finding> findings_;
};

}  // namespace osprey::server::enrollment
