// The zygote: a process of one thread that forks the sandboxes' helpers. A fork of a program with threads may find a
// lock held by one that is not there any more; a fork of this one cannot, and it carries none of the program's later
// memory.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"
#include "linux/sandbox/sandbox.h"

namespace osprey::linux {

// Forks the zygote; to be called before there are threads and before files are open that helpers have no business with.
// Sandboxes that exist already have their helpers forked by it from now on, later ones fork themselves. It ends with
// the thread that called.
Result<void> start_zygote();

// Of sandbox.cpp only.
void register_with_zygote(const Sandbox::Options& options);
void forget_by_zygote(const Sandbox::Options& options);
// A pidfd of a new helper that has `socket`; ENOENT where the zygote does not know these options.
Result<UniqueFd> fork_by_zygote(const Sandbox::Options& options, int socket);

}  // namespace osprey::linux
