// The watcher: starts the worker, watches what it uses, stops it where it is too much and starts another. It opens no
// store and logs to standard error and syslog only. One thread.
#pragma once

#include <optional>
#include <string>

#include "agent/flags/flags.h"
#include "agent/logging/status_log.h"
#include "agent/program.h"

namespace osprey::agent {

// In the environment of a worker: the watcher's process id (osquery's name for it). How the worker before ended stands
// beside it (schedule/death_note.h).
inline constexpr auto kWatcherVariable = "OSQUERY_WORKER";

// Runs until it is told to stop (SIGTERM, SIGINT) or gives up. `arguments` are the program's own, for the workers.
// Returns the exit status.
int run_watcher(char* const* arguments, const Flags& flags, const Program& program, StatusLog& status);

// The watcher's process id in a worker; empty elsewhere.
std::optional<int> watcher_of_this_process();

}  // namespace osprey::agent
