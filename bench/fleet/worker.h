// A worker: the simulated hosts of one process, on one thread.
#pragma once

#include <span>

#include "base/result.h"
#include "fleet/link.h"
#include "fleet/options.h"
#include "fleet/shared.h"

namespace osprey::fleet {

// Worker `index` of options.processes; its hosts are every options.processes-th from `index` on. Follows the stages of
// `shared` until `stopping`. An error: nothing can be simulated.
Result<void> run_worker(const Options& options, std::span<const Address> servers, const Shared& shared, unsigned index);

}  // namespace osprey::fleet
