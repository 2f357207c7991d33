// How the processors that are online share cores and packages: /sys/devices/system/cpu/cpuN/topology
// (Documentation/admin-guide/cputopology.rst).
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/root.h"
#include "linux/procfs/cpuinfo.h"

namespace osprey::linux {

struct CpuTopology {
  std::int64_t logical = 0;  // what the scheduler counts
  std::int64_t cores = 0;
  std::int64_t packages = 0;  // sockets
};

// Empty where sysfs has no topology.
std::optional<CpuTopology> read_cpu_topology(const Root& root);
// The same from what /proc/cpuinfo tells. Processors that name no package share one; one that names no core has its
// own.
CpuTopology topology_of(std::span<const Processor> processors);

}  // namespace osprey::linux
