// Purge: what the store holds of queries that are scheduled no more goes after a while.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>

#include "agent/differential/differential.h"
#include "store/store.h"

namespace osprey::agent {

inline constexpr std::int64_t kPurgeAfter = 592200;  // seconds, osquery's

// Notes since when queries with state, statistics or a splay are not among `scheduled`, and erases all of what belongs
// to those that have been gone for kPurgeAfter.
void purge_gone(store::Store& store, Differential& differential, const std::set<std::string, std::less<>>& scheduled,
                std::int64_t unix_time);

}  // namespace osprey::agent
