// The options of a mount as /proc/PID/mounts has them (proc_pid_mounts(5)), from their two halves in mountinfo.
#pragma once

#include <string>

#include "base/mountinfo.h"

namespace osprey::linux {

// "rw,seclabel,nosuid,relatime,size=4k": read-only if mount or filesystem is, then what every filesystem knows and
// the security module's labels, then the mount's own, then what only this type of filesystem knows.
std::string mount_options(const Mount& mount);

}  // namespace osprey::linux
