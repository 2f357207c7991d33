#include "linux/cgroup/counters.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include "base/text.h"

namespace osprey::linux {
namespace {

constexpr std::int64_t kUnlimited = INT64_MAX / 2;  // v1 writes the largest number of pages for no limit

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

// Over lines of "8:0 key=1 key=2…", by device; "max" counts nothing.
std::int64_t sum_of(std::string_view text, std::initializer_list<std::string_view> keys) {
  std::int64_t total = 0;
  for (auto line : Lines(text))
    for (auto field = take_field(line); !field.empty(); field = take_field(line))
      if (std::ranges::find(keys, take_until(field, '=')) != keys.end())
        total += parse<std::int64_t>(field).value_or(0);
  return total;
}

}  // namespace

CgroupCpu read_cgroup_cpu(const Root& root, const CgroupDirectory& accounting, const CgroupDirectory& cpu) {
  CgroupCpu counters;
  counters.throttled = value_of(root, cpu, "cpu.stat", "nr_throttled");
  if (accounting.version == 2)
    counters.used_us = value_of(root, accounting, "cpu.stat", "usage_usec");
  else if (const auto ns = number(root, accounting, "cpuacct.usage"))
    counters.used_us = *ns / 1000;
  std::optional<std::int64_t> quota;
  std::optional<std::int64_t> period;
  if (cpu.version == 2) {
    const auto text = root.read_trimmed(cpu.path + "/cpu.max").value_or("");
    std::string_view rest = text;
    quota = parse<std::int64_t>(take_field(rest));
    period = parse<std::int64_t>(take_field(rest));
  } else {
    quota = number(root, cpu, "cpu.cfs_quota_us");
    period = number(root, cpu, "cpu.cfs_period_us");
  }
  if (quota.value_or(-1) > 0 && period.value_or(0) > 0) counters.limit = *quota * 100 / *period;
  return counters;
}

CgroupMemory read_cgroup_memory(const Root& root, const CgroupDirectory& memory) {
  const bool v2 = memory.version == 2;
  CgroupMemory counters;
  counters.used = number(root, memory, v2 ? "memory.current" : "memory.usage_in_bytes");
  counters.peak = number(root, memory, v2 ? "memory.peak" : "memory.max_usage_in_bytes");
  counters.limit = number(root, memory, v2 ? "memory.max" : "memory.limit_in_bytes");
  if (counters.limit > kUnlimited) counters.limit.reset();
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

CgroupIo read_cgroup_io(const Root& root, const CgroupDirectory& io) {
  CgroupIo counters;
  if (io.version == 1) {
    counters.used = value_of(root, io, "blkio.throttle.io_service_bytes", "Total");
    const auto limits = root.read_trimmed(io.path + "/blkio.throttle.read_bps_device").value_or("");
    std::string_view rest = limits;
    take_field(rest);
    counters.limit = parse<std::int64_t>(take_field(rest));
    return counters;
  }
  const auto text = root.read_trimmed(io.path + "/io.stat");
  if (text) counters.used = sum_of(*text, {"rbytes", "wbytes"});
  const auto limits = root.read_trimmed(io.path + "/io.max").value_or("");
  if (const auto first = sum_of(limits.substr(0, limits.find('\n')), {"rbps"}); first > 0) counters.limit = first;
  return counters;
}

}  // namespace osprey::linux
