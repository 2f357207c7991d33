#include "linux/cgroup/counters.h"

#include <string_view>

#include "base/text.h"

namespace osprey::linux {
namespace {

// A number alone in a file; absent for "max".
std::optional<std::int64_t> number(const Root& root, const CgroupDirectory& group, std::string_view file) {
  const auto text = root.read_trimmed(group.path + "/" + std::string(file));
  return text ? parse<std::int64_t>(*text) : std::nullopt;
}

// The value of `key` in lines of "key value".
std::optional<std::int64_t> value_of(std::string_view text, std::string_view key) {
  for (auto line : Lines(text))
    if (take_field(line) == key) return parse<std::int64_t>(take_field(line));
  return std::nullopt;
}

std::optional<std::int64_t> value_of(const Root& root, const CgroupDirectory& group, std::string_view file,
                                     std::string_view key) {
  const auto text = root.read_trimmed(group.path + "/" + std::string(file));
  return text ? value_of(*text, key) : std::nullopt;
}

}  // namespace

CgroupCpu read_cgroup_cpu(const Root& root, const CgroupDirectory& accounting, const CgroupDirectory& cpu) {
  CgroupCpu counters;
  counters.throttled = value_of(root, cpu, "cpu.stat", "nr_throttled");
  if (accounting.version == 2)
    counters.used_us = value_of(root, accounting, "cpu.stat", "usage_usec");
  else if (const auto ns = number(root, accounting, "cpuacct.usage"))
    counters.used_us = *ns / 1000;
  return counters;
}

CgroupMemory read_cgroup_memory(const Root& root, const CgroupDirectory& memory) {
  const bool v2 = memory.version == 2;
  CgroupMemory counters;
  counters.used = number(root, memory, v2 ? "memory.current" : "memory.usage_in_bytes");
  counters.peak = number(root, memory, v2 ? "memory.peak" : "memory.max_usage_in_bytes");
  counters.limit = number(root, memory, v2 ? "memory.max" : "memory.limit_in_bytes");
  if (const auto text = root.read_trimmed(memory.path + "/memory.stat")) {
    const auto inactive = value_of(*text, v2 ? "inactive_file" : "total_inactive_file");
    const auto active = value_of(*text, v2 ? "active_file" : "total_active_file");
    if (inactive && active) counters.file_cache = *inactive + *active;
  }
  counters.oom_kills = read_cgroup_oom_kills(root, memory);
  return counters;
}

std::optional<std::int64_t> read_cgroup_oom_kills(const Root& root, const CgroupDirectory& memory) {
  if (memory.version == 2) return value_of(root, memory, "memory.events", "oom_kill");
  if (const auto kills = value_of(root, memory, "memory.oom_control", "oom_kill")) return kills;
  return number(root, memory, "memory.failcnt");
}

CgroupProcesses read_cgroup_processes(const Root& root, const CgroupDirectory& pids) {
  return {number(root, pids, "pids.current"), number(root, pids, "pids.peak"), number(root, pids, "pids.max"),
          value_of(root, pids, "pids.events", "max")};
}

std::optional<std::int64_t> read_cgroup_io(const Root& root, const CgroupDirectory& io) {
  if (io.version == 1) return value_of(root, io, "blkio.throttle.io_service_bytes", "Total");
  // "8:0 rbytes=1 wbytes=2 rios=…" by device.
  const auto text = root.read_trimmed(io.path + "/io.stat");
  if (!text) return std::nullopt;
  std::int64_t total = 0;
  for (auto line : Lines(*text))
    for (auto field = take_field(line); !field.empty(); field = take_field(line)) {
      const auto key = take_until(field, '=');
      if (key == "rbytes" || key == "wbytes") total += parse<std::int64_t>(field).value_or(0);
    }
  return total;
}

}  // namespace osprey::linux
