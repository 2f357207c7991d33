// Whether the kernel takes the processor from a task amid the kernel's own code (kernel-parameters.txt, "preempt=").
#pragma once

#include "base/root.h"

namespace osprey::linux {

// True for preempt=full and lazy and for PREEMPT_RT, and where nothing tells: a kernel that can do either says only in
// debugfs, on its command line or by its configuration in /boot which it does.
bool preempts_itself(const Root& root);

}  // namespace osprey::linux
