// Splay: how far a query's interval is stretched or shortened, so that not everything runs in the same second. Drawn
// once and kept in the store for as long as the interval stays.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "store/store.h"

namespace osprey::agent {

// The key of what was drawn for a query.
std::string splay_key(std::string_view name);

// Between interval less `percent` of it and interval plus as much, at least 1. `random` decides where.
std::uint64_t splayed(std::uint64_t interval, std::uint64_t percent, std::uint64_t random);

// What was drawn for `name` before, else a new draw, which is then kept. 0 percent: the interval itself.
std::uint64_t splay_of(store::Store& store, std::string_view name, std::uint64_t interval, std::uint64_t percent);

}  // namespace osprey::agent
