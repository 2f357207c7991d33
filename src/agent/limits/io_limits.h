// The shared I/O budget of the agent: its rates by flags, and its rows in osprey_limits.
#pragma once

#include <vector>

#include "agent/flags/flags.h"
#include "agent/limits/limits.h"
#include "linux/files/io_budget.h"

namespace osprey::agent {

linux::IoBudget::Rates io_rates(const Flags& flags);
std::vector<Limit> io_limits(const linux::IoBudget& budget);

}  // namespace osprey::agent
