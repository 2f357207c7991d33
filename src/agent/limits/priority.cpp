#include "agent/limits/priority.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace osprey::agent {
namespace {

// Of ioprio_set(2). Not from linux/ioprio.h: that of Debian's linux-libc-dev 6.1.192 is no C++, a parameter is called
// class.
constexpr int kProcess = 1;
constexpr int kIdle = 3;
constexpr int kClassShift = 13;

}  // namespace

void lower_priority() noexcept {
  ::setpriority(PRIO_PROCESS, 0, 10);
  ::syscall(SYS_ioprio_set, kProcess, 0, kIdle << kClassShift);
}

}  // namespace osprey::agent
