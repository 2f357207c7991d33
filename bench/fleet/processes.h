// What processes cost, from /proc (proc(5)).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <vector>

namespace osprey::fleet {

struct Cost {
  double cpu_seconds = 0;  // user and system; of children that have ended, too
  std::uint64_t pss = 0;   // bytes; memory shared by several is divided among them
  std::uint64_t rss = 0;   // bytes
  unsigned processes = 0;
};

// Of the processes and all below them. Those that are gone or not ours to see cost nothing.
Cost cost_of(std::span<const pid_t> roots);

}  // namespace osprey::fleet
