// What the configuration wants captured: the tables that its queries read, and what osquery's flags turn on.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/configuration.h"
#include "events/capture/pressure.h"
#include "events/source.h"
#include "sql/registry.h"

namespace osprey::agent {

// The event tables that are to have rows (osquery_events tells which are active). Under osquery's names flags alone say
// so, as there. Under our own, a table is also filled while a query of the schedule, a view or --events_tables names
// it.
std::set<std::string_view> active_event_tables(const Configuration& configuration, bool osquery_compatible);

// The categories of file_paths whose files are hashed when they change. Of `tables`, those that are filled: where flags
// ask for one of files, anybody may read it, and all are; else those whose rows a query of the schedule or a view reads
// a digest of, or `hashed`, as SQLite plans it. What does not prepare is taken to read all.
std::set<std::string, std::less<>> hashed_categories(const Configuration& configuration,
                                                     const std::set<std::string_view>& tables, bool osquery_compatible,
                                                     const sql::Registry& registry);

events::Demand event_demand(const Configuration& configuration, const std::set<std::string_view>& tables,
                            const std::set<std::string, std::less<>>& hashed, bool osquery_compatible);

// Seconds that rows are kept, by kind: --events_expiry, or three times the longest interval of a query on them, so that
// each sees all. 0: for as long as there is room.
std::array<std::uint64_t, events::kKinds> event_expiry(const Configuration& configuration);

// --events_cpu_percent, and of --events_shed_order those of `tables`. What is no table of events is put into `wrong`.
events::PressureOptions event_pressure(const Configuration& configuration, const std::set<std::string_view>& tables,
                                       std::vector<std::string>& wrong);

// Every event table, and the publisher that it listens to in osquery.
struct EventTable {
  std::string_view name;
  std::string_view publisher;
  std::size_t kind;
};
std::span<const EventTable> event_tables() noexcept;

}  // namespace osprey::agent
