// Queries: what hosts are told to do. Saved queries, packs, file paths, options and decorators are items (item.h), for
// every host or by tag, composed to each host's configuration (compose.h). Every change makes a version that is kept.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/db/database.h"
#include "server/hosts/hosts.h"
#include "server/identity/caller.h"
#include "server/queries/compose.h"
#include "server/queries/item.h"
#include "server/tags/tags.h"

namespace osprey::server::queries {

// A configuration as it is sent; hosts with the same tags share it.
struct Composed {
  std::string etag;                               // of the text; never "ok"
  std::shared_ptr<const std::string> reply;       // the reply's body: osquery's format, with "etag"
  std::shared_ptr<const std::string> gzip_reply;  // the same, packed
};

// What was saved.
struct Saved {
  Item item;
  std::vector<std::string> warnings;
  static constexpr auto fields() {
    return std::tuple(api::field("item", &Saved::item, "The item as it is now."),
                      api::field("warnings", &Saved::warnings, "What hosts would complain of and still run."));
  }
};

// Which hosts a change would reach.
struct Effect {
  struct Reached {
    hosts::HostId id = 0;
    std::string name;
    static constexpr auto fields() {
      return std::tuple(api::field("id", &Reached::id, "The host's number."),
                        api::field("name", &Reached::name, "The host's name."));
    }
  };
  std::int64_t changed = 0;
  std::int64_t unchanged = 0;
  std::vector<Reached> hosts;  // the first hundred
  std::vector<std::string> warnings;
  std::optional<boost::json::object> configuration;  // of one host as it would be, where one was asked for
  static constexpr auto fields() {
    return std::tuple(api::field("changed", &Effect::changed, "Hosts whose configuration would be another."),
                      api::field("unchanged", &Effect::unchanged, "Hosts that would not notice."),
                      api::field("hosts", &Effect::hosts, "The first hundred whose configuration would be another."),
                      api::field("warnings", &Effect::warnings, "What hosts would complain of and still run."),
                      api::field("configuration", &Effect::configuration,
                                 "What the host that was named would be sent; null where none was."));
  }
};

// Thread-safe.
class Queries {
 public:
  virtual ~Queries() = default;

  // From memory, never waits; null: not composed yet, ask compose() on a worker.
  virtual std::shared_ptr<const Composed> recall(const hosts::Host& host) const = 0;
  virtual Result<std::shared_ptr<const Composed>> compose(const hosts::Host& host) = 0;
  virtual Result<Composition> explain(const hosts::Host& host) = 0;

  // By kind and name.
  virtual Result<std::vector<Item>> list(std::optional<Kind> kind) = 0;
  virtual Result<Item> find(Kind kind, const std::string& name) = 0;
  // Newest first.
  virtual Result<std::vector<Item>> history(Kind kind, const std::string& name) = 0;

  virtual Result<Saved> save(const Draft& draft, const identity::Caller& caller, Timestamp now) = 0;
  virtual Result<void> remove(Kind kind, const std::string& name, const identity::Caller& caller, Timestamp now) = 0;
  // Makes what `version` was the item's newest version, also of one that was removed.
  virtual Result<Item> roll_back(Kind kind, const std::string& name, std::int64_t version,
                                 const identity::Caller& caller, Timestamp now) = 0;
  // What save() would do, or remove() without a draft; nothing is changed. `shown`: the host whose configuration is
  // wanted, as it would be.
  virtual Result<Effect> try_out(Kind kind, const std::string& name, const std::optional<Draft>& draft,
                                 std::optional<hosts::HostId> shown) = 0;
};

// What it is given outlives it.
struct Parts {
  db::Database& database;
  hosts::Hosts& hosts;
  tags::Tags& tags;
};
Result<std::unique_ptr<Queries>> start(Parts parts);

db::Schema schema();

}  // namespace osprey::server::queries
