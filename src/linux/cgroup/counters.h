// What a control group has used, and how often its limits struck; v1 and v2 in the same terms.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/root.h"

namespace osprey::linux {

// The directory of a group in the hierarchy that has some controller.
struct CgroupDirectory {
  int version = 0;
  std::string path;
};

// All are absent where the kernel does not tell, or the group is gone.
struct CgroupCpu {
  std::optional<std::int64_t> used_us;    // processor time since the group was made
  std::optional<std::int64_t> throttled;  // periods in which the quota was used up
  std::optional<std::int64_t> limit;      // percent of one core
};
// v1 keeps times and quota in two controllers, cpuacct and cpu; for v2 both are the same directory.
CgroupCpu read_cgroup_cpu(const Root& root, const CgroupDirectory& accounting, const CgroupDirectory& cpu);

struct CgroupMemory {
  std::optional<std::int64_t> used;        // with the page cache of files that the group has read
  std::optional<std::int64_t> file_cache;  // that page cache, which the kernel takes back when it needs to
  std::optional<std::int64_t> peak;
  std::optional<std::int64_t> limit;
  std::optional<std::int64_t> oom_kills;  // processes killed at the limit; v1 counts them since Linux 4.13
};
CgroupMemory read_cgroup_memory(const Root& root, const CgroupDirectory& memory);
// That count alone. Where the kernel does not keep it: how often the limit was met, which need not kill.
std::optional<std::int64_t> read_cgroup_oom_kills(const Root& root, const CgroupDirectory& memory);

struct CgroupProcesses {  // threads count
  std::optional<std::int64_t> used;
  std::optional<std::int64_t> peak;
  std::optional<std::int64_t> limit;
  std::optional<std::int64_t> refused;  // forks
};
CgroupProcesses read_cgroup_processes(const Root& root, const CgroupDirectory& pids);

struct CgroupIo {
  std::optional<std::int64_t> used;   // bytes read from and written to disks since the group was made
  std::optional<std::int64_t> limit;  // bytes a second, of reading from the first disk that is limited
};
CgroupIo read_cgroup_io(const Root& root, const CgroupDirectory& io);

}  // namespace osprey::linux
