#include "agent/limits/priority.h"

#include <linux/ioprio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace osprey::agent {

void lower_priority() noexcept {
  ::setpriority(PRIO_PROCESS, 0, 10);
  ::syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0));
}

}  // namespace osprey::agent
