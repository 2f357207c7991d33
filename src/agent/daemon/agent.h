// The agent: what `ospreyd` does once its flags are read.
#pragma once

#include "agent/flags/flags.h"
#include "agent/program.h"
#include "sql/registry.h"

namespace osprey::agent {

// Takes the pid file, goes to the background if asked, and is the watcher, or without one the worker. `arguments` are
// argv whole. Returns the exit status.
int run_agent(char* const* arguments, Flags& flags, Program& program, sql::Registry& registry);

}  // namespace osprey::agent
