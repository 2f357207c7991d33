#include <algorithm>
#include <optional>

#include "base/text.h"
#include "linux/files/host_uuid.h"
#include "linux/files/hosts.h"
#include "linux/files/machine.h"
#include "linux/procfs/cpuinfo.h"
#include "linux/procfs/meminfo.h"
#include "linux/sysfs/cpu_topology.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

struct Handle {
  const Scan* scan;
  std::optional<Result<std::vector<linux::Processor>>> cpuinfo{};
  std::optional<linux::CpuTopology> counted{};

  const Root& root() const { return scan->root(); }

  Result<std::string> computer_name() const { return root().read_trimmed("/proc/sys/kernel/hostname"); }
  // The full name as the hosts file has it; the network is not asked.
  Result<std::string> hostname() const {
    const auto name = TRY(computer_name());
    if (name.find('.') != std::string::npos) return name;
    const auto file = root().read("/etc/hosts");
    if (!file) return name;
    for (const auto& entry : linux::parse_hosts(file->bytes)) {
      const auto names = fields(entry.hostnames);
      if (std::ranges::find(names, name) != names.end()) return std::string(names.front());
    }
    return name;
  }
  std::optional<std::string> uuid() const { return linux::host_uuid(root()); }

  const Result<std::vector<linux::Processor>>& processors() {
    if (!cpuinfo) cpuinfo = read_processors();
    return *cpuinfo;
  }
  Result<std::vector<linux::Processor>> read_processors() const {
    return linux::parse_cpuinfo(TRY(root().read("/proc/cpuinfo")).bytes);
  }
  // Of the first processor: they are all alike.
  template <auto member>
  static Result<std::string> processor(Handle& handle) {
    const auto& all = handle.processors();
    if (!all) return std::unexpected(all.error());
    return all->empty() ? std::string() : all->front().*member;
  }
  template <auto member>
  static std::optional<std::int64_t> count(Handle& handle) {
    if (!handle.counted) {
      handle.counted = linux::read_cpu_topology(handle.root());
      if (const auto& all = handle.processors(); !handle.counted && all) handle.counted = linux::topology_of(*all);
    }
    return handle.counted && handle.counted->logical ? std::optional((*handle.counted).*member) : std::nullopt;
  }

  // An attribute of the firmware's description of the machine (Documentation/ABI/testing/sysfs-class-dmi).
  Result<std::string> dmi(std::string_view name) const {
    return root().read_trimmed("/sys/class/dmi/id/" + std::string(name));
  }

  std::optional<std::string> cpu_type() const { return linux::machine_of(root()); }
  Result<std::int64_t> physical_memory() const {
    const auto values = linux::parse_meminfo(TRY(root().read("/proc/meminfo")).bytes);
    const auto total = values.find("MemTotal");
    if (total == values.end()) return failure("/proc/meminfo", "has no MemTotal");
    return total->second;
  }
};

Rows<Handle> scan(const Scan& scan) {
  Handle handle{&scan};
  if (scan.root().exists("/proc")) co_yield handle;
}

}  // namespace

Table system_info() {
  using linux::CpuTopology;
  using linux::Processor;
  return table("system_info", "What identifies this host: names, processors, memory and hardware.", scan)
      .column("hostname", TEXT, &Handle::hostname, "Name of the host, with its domain where /etc/hosts has one.")
      .column("uuid", TEXT, &Handle::uuid,
              "The machine's UUID by its firmware, or the one that the agent keeps for it.", NOCASE)
      .column("cpu_type", TEXT, &Handle::cpu_type, "Machine, as uname(1) calls it.")
      .column("cpu_subtype", TEXT, &Handle::processor<&Processor::model>, "Number of the processor's model.")
      .column("cpu_brand", TEXT, &Handle::processor<&Processor::model_name>, "Name of the processor's model.")
      .column("cpu_physical_cores", INTEGER, &Handle::count<&CpuTopology::cores>,
              "Cores of all processors that are online.")
      .column("cpu_logical_cores", INTEGER, &Handle::count<&CpuTopology::logical>, "Hardware threads that are online.")
      .column("cpu_sockets", INTEGER, &Handle::count<&CpuTopology::packages>, "Processor packages.")
      .column("cpu_microcode", TEXT, &Handle::processor<&Processor::microcode>, "Version of the processor's microcode.")
      .column("physical_memory", BIGINT, &Handle::physical_memory, "Memory that the kernel manages, in bytes.")
      .column(
          "hardware_vendor", TEXT, [](const Handle& h) { return h.dmi("sys_vendor"); }, "Who made the machine.")
      .column(
          "hardware_model", TEXT, [](const Handle& h) { return h.dmi("product_name"); }, "The machine's model.")
      .column(
          "hardware_version", TEXT, [](const Handle& h) { return h.dmi("product_version"); }, "Version of that model.")
      .column(
          "hardware_serial", TEXT, [](const Handle& h) { return h.dmi("product_serial"); },
          "The machine's serial number.")
      .column(
          "board_vendor", TEXT, [](const Handle& h) { return h.dmi("board_vendor"); }, "Who made the main board.")
      .column(
          "board_model", TEXT, [](const Handle& h) { return h.dmi("board_name"); }, "The board's model.")
      .column(
          "board_version", TEXT, [](const Handle& h) { return h.dmi("board_version"); }, "Version of that model.")
      .column(
          "board_serial", TEXT, [](const Handle& h) { return h.dmi("board_serial"); }, "The board's serial number.")
      .column("computer_name", TEXT, &Handle::computer_name, "Name that the kernel has for this host.")
      .column("local_hostname", TEXT, &Handle::hostname, "The same as hostname.")
      .foreign(TEXT, {"emulated_cpu_type"})
      .example("SELECT hostname, cpu_brand, cpu_logical_cores, physical_memory FROM system_info")
      .note(
          "Hardware columns are proven on a hand-made tree and in a guest (tests/guest): the machine that osprey is "
          "built on has no DMI.");
}

}  // namespace osprey::tables
