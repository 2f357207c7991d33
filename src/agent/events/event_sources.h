// The sources that this program has, as the flags want them.
#pragma once

#include <memory>
#include <vector>

#include "agent/flags/flags.h"
#include "events/source.h"

namespace osprey::agent {

// Better ones first (--events_source).
std::vector<std::unique_ptr<events::Source>> event_sources(const Flags& flags, bool osquery_compatible);

}  // namespace osprey::agent
