// Hosts: who they are, when they were seen, what they consist of.
#pragma once

#include <array>
#include <boost/json/object.hpp>  // for those that include this header
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/api/fields.h"
#include "server/db/database.h"
#include "server/db/schema.h"
#include "server/hosts/host.h"
#include "server/time.h"

namespace osprey::server::hosts {

// A request about one host.
struct OneHost {
  HostId host = 0;
  static constexpr auto fields() { return std::tuple(api::field("host", &OneHost::host, "The host's number.")); }
};

// What a host did that shows that it is alive.
enum class Sign : std::uint8_t { enroll, config, distributed, log, carve };
inline constexpr std::size_t kSigns = 5;
// In the database and in the API: never changed.
inline constexpr std::array<std::string_view, kSigns> kSignNames{"enroll", "config", "distributed", "log", "carve"};

// A row of a table as hosts send it: names to text.
using Details = std::map<std::string, std::map<std::string, std::string>, std::less<>>;  // by table

// Why a host has a tag; it has it as long as there is one reason.
enum class Origin : std::uint8_t { hand, secret, rule };

struct TagChange {
  HostId host = 0;
  TagId tag = 0;
  bool has = true;
};

// Thread-safe. Those with a body are for what only some neighbours need; fakes may leave them out.
class Hosts {
 public:
  virtual ~Hosts() = default;

  // From memory, never waits; null if there is none (or it was removed).
  virtual HostPtr find(HostId host) const = 0;
  // The same, but asks the database where memory has none: another server may just have enrolled it.
  virtual Result<HostPtr> look_up(HostId host) { return find(host); }
  // look_up(), but that there is none is an error (api::kNotFound).
  Result<HostPtr> existing(HostId host);
  // Every host there is, for targeting. Snapshots.
  virtual std::vector<HostPtr> all() const = 0;

  // Notes that the host spoke; from memory, written by the batch. On the listener's thread.
  virtual void seen(HostId host, Sign sign, std::string_view address, Timestamp now) noexcept = 0;

  // Notes the etag of the configuration that the host was given; from memory, written by the batch where it is another
  // than before. On any thread.
  virtual void given(HostId, std::string_view /*etag*/) noexcept {}

  // Makes the host in the transaction of its enrolment, with the details that it sent and the tags that its secret
  // gives. find() knows it within moments of the commit, look_up() at once.
  virtual Result<HostId> add(db::Transaction& transaction, std::string_view identifier, const Details& details,
                             std::span<const TagId> tags, Timestamp now) = 0;
  // An enrolment of a host that is known already: takes its details over.
  virtual Result<void> enrolled_again(db::Transaction& transaction, HostId host, const Details& details,
                                      Timestamp now) = 0;

  // Gives and takes tags for one reason, in the transaction of the act. Hosts that are gone are left out.
  virtual Result<void> change_tags(db::Transaction&, Origin, std::span<const TagChange>, Timestamp) { return {}; }
  // Nobody has this tag any more, or not for this reason.
  virtual Result<void> drop_tag(db::Transaction&, TagId, std::optional<Origin> = {}) { return {}; }

  // Calls whenever a host's snapshot has changed (tags, platform…) or it is gone. On any thread; must not wait.
  virtual void add_listener(std::function<void(HostId)> changed) = 0;
  // Calls in the transaction that removes a host, for what else is kept of it: node keys, results…
  virtual void add_remover(std::function<Result<void>(db::Transaction&, HostId)>) {}
};

db::Schema schema();

}  // namespace osprey::server::hosts

template <>
struct osprey::server::api::EnumNames<osprey::server::hosts::Origin> {
  using Origin = osprey::server::hosts::Origin;
  static constexpr std::array kNames{std::pair{Origin::hand, std::string_view("hand")},
                                     std::pair{Origin::secret, std::string_view("secret")},
                                     std::pair{Origin::rule, std::string_view("rule")}};
};
