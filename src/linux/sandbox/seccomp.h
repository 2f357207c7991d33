// System call filters: seccomp(2).
#pragma once

#include <span>

#include "base/result.h"

namespace osprey::linux {

// From here on this process may compute, use its memory and read and write the descriptors it has, for good; other
// system calls fail with EPERM, those of another architecture kill it. Memory cannot be made executable. `more` are
// numbers of system calls allowed besides. Sets no_new_privs.
Result<void> allow_computing_only(std::span<const int> more);

}  // namespace osprey::linux
