// Configuration: what holds on this host now, made of every source's last good document. Immutable: a change makes a
// new one, and whoever works with the old one keeps it alive until done.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/flags/flags.h"
#include "protocol/configuration.h"

namespace osprey::agent {

// Decorators with the source they come from: what a source's decorators give is kept by source.
struct SourceDecorators {
  std::string source;
  protocol::Decorators decorators;
};

struct Configuration {
  std::uint64_t generation = 0;  // counts up by one a change
  std::string hash;              // osquery_info.config_hash
  bool valid = false;            // a fetch has succeeded

  Flags flags;  // command line, flag file and options
  // In the order of sources; the schedules proper are packs named "main". Documents of active packs bring their own
  // decorators, views, file paths and options with them (compat section 3.2).
  std::vector<protocol::Pack> packs;
  std::vector<SourceDecorators> decorators;
  protocol::FileMonitoring files;
  std::vector<protocol::AutoTable> auto_tables;
  std::map<std::string, std::string, std::less<>> views;
  protocol::PrometheusTargets prometheus;
  protocol::Categories kafka_topics;
  std::vector<std::string> enabled_subscribers;
  std::vector<std::string> disabled_subscribers;
  std::string yara;
  std::string feature_vectors;
};

using ConfigurationPtr = std::shared_ptr<const Configuration>;

}  // namespace osprey::agent
