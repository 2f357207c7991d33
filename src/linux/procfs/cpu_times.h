// The processors' lines of /proc/stat (proc_stat(5)).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace osprey::linux {

// Ticks of USER_HZ (100 a second on every Linux of today) since boot.
struct CpuTimes {
  enum Kind { user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice, kinds };
  std::int64_t core = 0;
  std::array<std::int64_t, kinds> ticks{};  // 0 for what an old kernel does not count
};

// One entry a processor that is online; the sum of all is left out.
std::vector<CpuTimes> parse_cpu_times(std::string_view text);

}  // namespace osprey::linux
