// The helper's side of a sandbox.
#pragma once

#include "linux/sandbox/sandbox.h"

namespace osprey::linux {

// Runs in the forked child: gives rights away, serves, and ends with the process. `parent` is who forked it.
[[noreturn]] void run_helper(int socket, pid_t parent, const Sandbox::Options& options) noexcept;

}  // namespace osprey::linux
