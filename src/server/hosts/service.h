// The hosts slice itself: memory, database and what hosts answer about themselves. Several servers on one database each
// have one and tell each other of changes.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/agents/query_source.h"
#include "server/hosts/hosts.h"
#include "server/hosts/query_health.h"
#include "server/hosts/roster.h"
#include "server/hosts/status.h"
#include "server/identity/caller.h"
#include "server/services.h"

namespace osprey::server::hosts {

struct Options {
  std::chrono::seconds refresh{3600};       // of details, give or take a tenth
  std::chrono::milliseconds flush{10'000};  // of what was seen; so much of it is lost with a server
  StatusRule status;
  HealthRule health;
};

struct TagReason {
  HostId host = 0;
  TagId tag = 0;
  Origin origin = Origin::hand;
  Timestamp since;
};

// Thread-safe. Also the source of the detail queries ("detail:NAME"). Answers are taken whenever they come: what was
// asked through one server may be answered through another.
class Service : public Hosts, public agents::QuerySource {
 public:
  virtual const Roster& roster() const = 0;
  virtual const Options& options() const = 0;
  // When its details were last refreshed; 0: never.
  virtual Timestamp refreshed(HostId host) const = 0;

  // Has these hosts asked for their details at once, wherever they are connected. Those that are gone are left out.
  virtual Result<void> refresh(std::span<const HostId> hosts, const identity::Caller& caller, Timestamp now) = 0;
  // Those that are gone already are left out; how many there were.
  virtual Result<std::int64_t> remove(std::span<const HostId> hosts, const identity::Caller& caller, Timestamp now) = 0;

  // Why these hosts have their tags, by host and tag.
  virtual Result<std::vector<TagReason>> tag_reasons(std::span<const HostId> hosts) = 0;

  // What other writers of the slice's tables do after their commit, so that whoever asked sees it at once: takes these
  // hosts, or all that have or had the tag, over from the database.
  virtual void reload(std::span<const HostId> hosts) = 0;
  virtual void reload_tag(TagId tag) = 0;
  // Writes what was seen now instead of with the next flush.
  virtual Result<void> flush() = 0;

  struct Counts {
    std::uint64_t refreshed = 0, failed_answers = 0, dropped_answers = 0, flushed = 0, failed_flushes = 0;
  };
  virtual Counts counts() const = 0;
};

// Loads every host. `services` (database, clock, held_reads where it is set) outlives it.
Result<std::unique_ptr<Service>> start(const Services& services, Options options = {});

// The server has no other Hosts than this; for the endpoints of this slice and of tags.
inline Service& service(const Services& services) { return static_cast<Service&>(*services.hosts); }

}  // namespace osprey::server::hosts
