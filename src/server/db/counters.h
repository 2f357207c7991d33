// What both databases count alike.
#pragma once

#include <atomic>
#include <cstdint>

#include "server/db/database.h"
#include "server/db/pool.h"

namespace osprey::server::db {

struct Counters {
  std::atomic<std::uint64_t> reads{0}, writes{0}, retries{0}, failures{0};

  Database::Counts with(const Pool::Counts& pool) const {
    return {.reads = reads,
            .writes = writes,
            .retries = retries,
            .failures = failures,
            .waits_us = pool.waits_us,
            .open = pool.open,
            .in_use = pool.in_use};
  }
};

}  // namespace osprey::server::db
