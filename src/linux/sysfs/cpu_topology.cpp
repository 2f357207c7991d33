#include "linux/sysfs/cpu_topology.h"

#include <set>
#include <string>
#include <utility>

#include "base/text.h"

namespace osprey::linux {

std::optional<CpuTopology> read_cpu_topology(const Root& root) {
  const std::string top = "/sys/devices/system/cpu";
  const auto entries = root.list(top);
  if (!entries) return std::nullopt;
  CpuTopology topology;
  // The lists of siblings are the same text for all members and so name the core or package.
  std::set<std::string> cores;
  std::set<std::string> packages;
  for (const auto& entry : *entries) {
    if (!entry.name.starts_with("cpu") || !parse<unsigned>(std::string_view(entry.name).substr(3))) continue;
    const auto folder = top + "/" + entry.name + "/topology/";
    // The second names are those of kernels before 5.3.
    auto core = root.read_trimmed(folder + "core_cpus_list");
    if (!core) core = root.read_trimmed(folder + "thread_siblings_list");
    auto package = root.read_trimmed(folder + "package_cpus_list");
    if (!package) package = root.read_trimmed(folder + "core_siblings_list");
    if (!core || !package) continue;  // offline
    ++topology.logical;
    cores.insert(std::move(*core));
    packages.insert(std::move(*package));
  }
  if (topology.logical == 0) return std::nullopt;
  topology.cores = std::ssize(cores);
  topology.packages = std::ssize(packages);
  return topology;
}

CpuTopology topology_of(std::span<const Processor> processors) {
  std::set<std::int64_t> packages;
  std::set<std::pair<std::int64_t, std::int64_t>> cores;
  std::int64_t alone = -1;  // numbers for those that name none
  for (const auto& processor : processors) {
    packages.insert(processor.package.value_or(0));
    cores.emplace(processor.package.value_or(0), processor.core.value_or(alone--));
  }
  return {std::ssize(processors), std::ssize(cores), std::ssize(packages)};
}

}  // namespace osprey::linux
