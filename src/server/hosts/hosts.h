// Hosts: who they are, when they were seen, what they consist of.
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/db/database.h"
#include "server/db/schema.h"
#include "server/hosts/host.h"
#include "server/time.h"

namespace osprey::server::hosts {

// What a host did that shows that it is alive.
enum class Sign : std::uint8_t { enroll, config, distributed, log, carve };

// A row of a table as hosts send it: names to text.
using Details = std::map<std::string, std::map<std::string, std::string>, std::less<>>;  // by table

// Thread-safe.
class Hosts {
 public:
  virtual ~Hosts() = default;

  // From memory, never waits; null if there is none (or it was removed).
  virtual HostPtr find(HostId host) const = 0;
  // Every host there is, for targeting. Snapshots.
  virtual std::vector<HostPtr> all() const = 0;

  // Notes that the host spoke; from memory, written by the batch. On the listener's thread.
  virtual void seen(HostId host, Sign sign, std::string_view address, Timestamp now) noexcept = 0;

  // Makes the host in the transaction of its enrolment, with the details that it sent and the tags that its secret
  // gives.
  virtual Result<HostId> add(db::Transaction& transaction, std::string_view identifier, const Details& details,
                             std::span<const TagId> tags, Timestamp now) = 0;
  // An enrolment of a host that is known already: takes its details over.
  virtual Result<void> enrolled_again(db::Transaction& transaction, HostId host, const Details& details,
                                      Timestamp now) = 0;

  // Calls whenever a host's snapshot has changed (tags, platform…) or it is gone. On any thread; must not wait.
  virtual void add_listener(std::function<void(HostId)> changed) = 0;
};

db::Schema schema();

}  // namespace osprey::server::hosts
