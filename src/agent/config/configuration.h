// Configuration: what holds on this host now, made of every source's last good document. Immutable: a change makes a
// new one, and whoever works with the old one keeps it alive until done.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/flags/flags.h"
#include "events/filters/filter.h"
#include "protocol/configuration.h"

namespace osprey::agent {

// Decorators with the source they come from: what a source's decorators give is kept by source.
struct SourceDecorators {
  std::string source;
  protocol::Decorators decorators;

  bool operator==(const SourceDecorators&) const = default;
};

struct Configuration {
  std::uint64_t generation = 0;  // counts up by one a change
  std::string hash;              // osquery_info.config_hash: of the texts in force
  bool valid = false;            // a fetch has succeeded

  Flags flags;  // command line, flag file and options
  // In the order of sources; the schedules proper are packs named "main". Queries for other hosts (platform, version,
  // shard) are left out; a pack for other hosts stays, without queries.
  std::vector<protocol::Pack> packs;
  // Of sources, and of active packs' bodies (compat section 3.2).
  std::vector<SourceDecorators> decorators;
  protocol::FileMonitoring files;
  std::vector<protocol::AutoTable> auto_tables;
  std::map<std::string, std::string, std::less<>> views;
  protocol::PrometheusTargets prometheus;
  protocol::Categories kafka_topics;
  std::vector<std::string> enabled_subscribers;
  std::vector<std::string> disabled_subscribers;
  std::vector<events::Filter> event_filters;
  std::string yara;
  std::string feature_vectors;

  bool operator==(const Configuration&) const = default;
};

using ConfigurationPtr = std::shared_ptr<const Configuration>;

// Whether a pack or query is for this host: its platform, version of osquery and shard.
template <class T>
bool is_for_host(const T& gated, std::string_view version, unsigned shard_number) {
  return protocol::runs_on_linux(gated.platform) && protocol::version_satisfies(version, gated.version) &&
         (!gated.shard || shard_number <= *gated.shard);
}

// Where a pack comes from and what it is called: two documents may each have one of the same name.
struct PackId {
  std::string source;
  std::string name;
  auto operator<=>(const PackId&) const = default;
};

// A document as a part of the configuration.
struct ConfigPart {
  const protocol::Document& document;
  bool noted;  // what is wrong with its options and names is wanted
};

// What documents, in the order of their sources, make of the flags that the process was started with. `hash` and
// `generation` are left to the caller. What packs with discovery bring besides queries counts for those in `active`.
Configuration make_configuration(const Flags& base, const std::vector<ConfigPart>& parts,
                                 const std::set<PackId>& active, unsigned shard_number,
                                 std::vector<protocol::ConfigNote>& notes);

// One line on what is different: "1 query added (a), 2 edited (b, c); options changed: verbose". Empty: nothing that
// has a name.
std::string describe_change(const Configuration& before, const Configuration& after);
// Options that differ and that are read only at start.
std::vector<std::string_view> options_for_restart(const Configuration& before, const Configuration& after);

}  // namespace osprey::agent
