// The worker: everything the agent does but watching itself.
#pragma once

#include "agent/flags/flags.h"
#include "agent/logging/status_log.h"
#include "agent/program.h"
#include "sql/registry.h"

namespace osprey::agent {

// Runs until it is told to stop (SIGTERM, SIGINT) or something ends everything. Returns the exit status.
int run_worker(const Flags& flags, const Program& program, sql::Registry& registry, StatusLog& status);

}  // namespace osprey::agent
