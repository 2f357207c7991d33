// Schedule: what is to be done when. Knows no thread, no SQL and no store; whoever drives it takes a job, does it, says
// that it is finished. compat/osquery.md sections 3.3 to 3.6 have the rules that are osquery's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/configuration.h"
#include "agent/schedule/clock.h"

namespace osprey::agent {

struct ScheduledQuery {
  std::string name;  // with its pack's prefix: what results are logged under
  PackId pack;
  protocol::Query query;
  std::uint64_t interval = 0;  // seconds
  std::uint64_t splay = 0;     // the interval as it is kept
  Tick due = 0;
  bool at_start = false;  // its turn right after the start is still to come

  std::uint64_t priority() const { return query.startup_priority.value_or(UINT64_MAX); }
};

struct ScheduledPack {
  PackId id;
  std::string platform;
  std::string version;
  unsigned shard = 0;  // 0: none
  std::vector<std::string> discovery;
  bool for_this_host = false;      // by platform, version and shard
  std::optional<bool> discovered;  // what the discovery queries said last
  Tick discovered_at = 0;
  bool discovering = false;
  std::uint64_t cache_hits = 0;
  std::uint64_t executions = 0;

  bool active() const { return for_this_host && discovered.value_or(false); }
};

struct Job {
  enum class Kind : std::uint8_t {
    load_decorators,
    interval_decorators,
    discovery,
    check,  // whether all queries prepare
    query,
  } kind = Kind::query;
  ScheduledQuery query;                  // of a query
  PackId pack;                           // of a discovery
  std::vector<std::string> discovery;    // its queries
  std::vector<std::uint64_t> intervals;  // of decorators that are due
};

// Not thread-safe.
class Schedule {
 public:
  using SplayOf = std::function<std::uint64_t(const std::string& name, std::uint64_t interval)>;
  using IsSuspect = std::function<bool(const std::string& name)>;

  // The queries of `configuration`, from now on, on a host with this shard number. What it has in common with the one
  // before keeps its phase, splay and discovery answer. With the first configuration begins the start, at which queries
  // with a startup priority have a turn of their own.
  void apply(const Configuration& configuration, unsigned shard_number, const SplayOf& splay_of, Tick now);

  // What is to be done now, most urgent first. Two queries of one name are never out together; a suspect is out alone.
  std::optional<Job> take(Tick now, const IsSuspect& is_suspect);
  // What was taken is done: a query is due again at the next multiple of its splay, turns that it missed are past.
  void finished(const Job& job, Tick now);
  // The answer of a discovery, before it is finished.
  void discovered(const Job& job, bool answer, Tick now);
  // When there may be something to take, unless something finishes before.
  std::optional<Tick> next(Tick now) const;

  const std::vector<ScheduledPack>& packs() const noexcept { return packs_; }
  // In the order of packs, within a pack by startup priority and name; those of packs that are not active as well.
  const std::vector<ScheduledQuery>& queries() const noexcept { return queries_; }
  bool is_active(const PackId& pack) const;
  // Taken, not finished.
  bool is_running(const std::string& name) const { return running_.contains(name); }
  // The packs whose discovery queries gave rows.
  std::set<PackId> discovered_packs() const;

 private:
  ScheduledPack* find(const PackId& id);
  std::optional<Job> take_decorators(Tick now);
  std::optional<Job> take_discovery(Tick now);
  ScheduledQuery* most_urgent(Tick now);

  std::vector<ScheduledPack> packs_;
  std::vector<ScheduledQuery> queries_;
  std::map<std::uint64_t, Tick> decorators_due_;  // by interval
  std::set<std::string> running_;
  std::uint64_t refresh_ = 0;  // --pack_refresh_interval
  Tick looked_ = 0;            // at the packs' discovery answers
  bool started_ = false;
  bool starting_ = false;  // a turn of the start is out
  bool alone_ = false;     // a suspect is out
  bool decorators_running_ = false;
  bool load_pending_ = false;
  bool load_running_ = false;
  bool check_pending_ = false;
};

}  // namespace osprey::agent
