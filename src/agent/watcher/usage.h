// What a process uses, from /proc/PID/stat and statm (proc_pid_stat(5), proc_pid_statm(5)).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>

namespace osprey::agent {

struct UsageSample {
  std::chrono::milliseconds cpu{0};  // user and system time since its start
  std::uint64_t resident_bytes = 0;
};

// Zero for a process that is gone.
UsageSample usage_of(pid_t pid);

}  // namespace osprey::agent
