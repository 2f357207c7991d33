// The watcher: starts the worker, watches what it uses, stops it where it is too much and starts another. It opens no
// store and logs to standard error and syslog only. One thread.
#pragma once

#include <optional>
#include <string>

#include "agent/flags/flags.h"
#include "agent/logging/status_log.h"
#include "agent/program.h"

namespace osprey::agent {

// The exit status of what ends everything: a watcher that sees it in its worker does not start another.
inline constexpr int kCatastrophic = 78;
// In the environment of a worker: the watcher's process id (osquery's name for it), and how the worker before ended:
// "limit:cpu", "limit:memory", "oom", "signal:N" or "exit:N".
inline constexpr auto kWatcherVariable = "OSQUERY_WORKER";
inline constexpr auto kLastDeathVariable = "OSPREY_LAST_DEATH";

// Runs until it is told to stop (SIGTERM, SIGINT) or gives up. `arguments` are the program's own, for the workers.
// Returns the exit status.
int run_watcher(char* const* arguments, const Flags& flags, const Program& program, StatusLog& status);

// The watcher's process id in a worker; empty elsewhere.
std::optional<int> watcher_of_this_process();

}  // namespace osprey::agent
