// Which processes a query asks a table of this family about.
#pragma once

#include <vector>

#include "linux/procfs/process.h"
#include "tables/table.h"

namespace osprey::tables {

// The pids that the query names, or all of /proc, within the query's range; in ascending order. Named ones may not
// exist.
std::vector<pid_t> asked_pids(const Scan& scan, const linux::Proc& proc);

}  // namespace osprey::tables
