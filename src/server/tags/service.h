// The tags slice itself. Several servers on one database each have one and tell each other of changes.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/agents/query_source.h"
#include "server/hosts/service.h"
#include "server/identity/caller.h"
#include "server/services.h"
#include "server/tags/condition.h"
#include "server/tags/tags.h"

namespace osprey::server::tags {

// A tag as people write it. A rule is one of query and condition; what it says, hosts have the tag for beside those
// that are given it by hand or by their secret.
struct Draft {
  std::string name;
  std::string description;
  std::int64_t rank = 0;
  std::string query;        // a host has the tag if this gives a row there; empty: no such rule
  std::string condition;    // JSON (condition.h); empty: no such rule
  bool check_query = true;  // against our agents' schema; others may have tables that these lack
};

struct Tag : Draft {
  TagId id = 0;
  std::int64_t revision = 0;  // of the rule
  Timestamp created, changed;
};

// A rule's query that failed on a host, which keeps the tag as it was.
struct Fault {
  TagId tag = 0;
  hosts::HostId host = 0;
  Timestamp failed;
  std::string error;
};

struct Options {
  std::chrono::seconds refresh{3600};  // of query rules, give or take a tenth
};

// Thread-safe. Also the source of query rules ("tag:NUMBER:REVISION"): asked of a host when it is new, when a rule
// changes (held reads are answered at once) and on the interval; all rules together, so that a host has one age.
// Conditions are evaluated here, whenever what they look at changes.
class Service : public Tags, public agents::QuerySource {
 public:
  virtual std::vector<Tag> tags() const = 0;
  virtual Result<Tag> find(TagId tag) const = 0;

  // An error (kInvalid, kDuplicate) tells which part of the draft is wrong.
  virtual Result<Tag> create(const Draft& draft, const identity::Caller& caller, Timestamp now) = 0;
  virtual Result<Tag> edit(TagId tag, const Draft& draft, const identity::Caller& caller, Timestamp now) = 0;
  // An error (kConflict) lists what uses the tag.
  virtual Result<void> remove(TagId tag, const identity::Caller& caller, Timestamp now) = 0;
  virtual Result<std::vector<std::string>> uses(TagId tag) const = 0;

  // By hand. Hosts that are gone are left out.
  virtual Result<void> give(TagId tag, std::span<const hosts::HostId> add, std::span<const hosts::HostId> remove,
                            const identity::Caller& caller, Timestamp now) = 0;

  // When the query rules were last evaluated on the host; its rules of a later revision are still to be.
  struct Evaluated {
    Timestamp at;  // 0: never
    std::int64_t revision = 0;
  };
  virtual Evaluated evaluated(hosts::HostId host) const = 0;

  struct Counts {
    std::uint64_t rounds = 0, failed_answers = 0, dropped_answers = 0;
  };
  virtual Counts counts() const = 0;
};

// `services` (database, clock, hosts, held_reads where it is set) outlives it.
Result<std::unique_ptr<Service>> start(const Services& services, Options options = {});

// The server has no other Tags than this; for the endpoints of this slice.
inline Service& service(const Services& services) { return static_cast<Service&>(*services.tags); }

}  // namespace osprey::server::tags
