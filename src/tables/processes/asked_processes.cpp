#include "tables/processes/asked_processes.h"

namespace osprey::tables {

std::vector<pid_t> asked_pids(const Scan& scan, const linux::Proc& proc) {
  auto pids = scan.keys<pid_t>("pid", [&] { return scan.take(proc.pids()).value_or(std::vector<pid_t>{}); });
  const auto bounds = scan.bounds("pid");
  std::erase_if(pids, [&](pid_t pid) { return pid <= 0 || pid < bounds.low || pid > bounds.high; });
  return pids;
}

}  // namespace osprey::tables
