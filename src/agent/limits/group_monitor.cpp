#include "agent/limits/group_monitor.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <ctime>
#include <utility>

#include "base/text.h"
#include "linux/cgroup/membership.h"

namespace osprey::agent {
namespace {

using linux::CgroupDirectory;

constexpr std::chrono::seconds kShedInterval{10};

std::int64_t own_cpu_us() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto us = [](const timeval& time) { return std::int64_t{time.tv_sec} * 1'000'000 + time.tv_usec; };
  return us(usage.ru_utime) + us(usage.ru_stime);
}

// Memory of this process that belongs to no file.
std::optional<std::int64_t> own_memory(const Root& root) {
  const auto text = root.read("/proc/self/statm");
  if (!text) return std::nullopt;
  std::string_view rest = text->bytes;
  take_field(rest);
  const auto resident = parse<std::int64_t>(take_field(rest));
  const auto shared = parse<std::int64_t>(take_field(rest));
  if (!resident || !shared) return std::nullopt;
  return (*resident - *shared) * ::sysconf(_SC_PAGESIZE);
}

}  // namespace

void GroupMonitor::Tracked::observe(std::optional<std::int64_t> now_used, std::optional<std::int64_t> now_peak,
                                    std::optional<std::int64_t> strikes) {
  used = now_used;
  if (!now_peak) now_peak = now_used;
  if (now_peak) peak = std::max(peak.value_or(0), *now_peak);
  if (!strikes) return;
  if (*strikes > struck) last_struck = std::time(nullptr);
  struck = *strikes;
}

std::optional<std::int64_t> GroupMonitor::Rate::per_second(std::optional<std::int64_t> total,
                                                           std::chrono::duration<double> passed) {
  const auto before = std::exchange(last, total);
  if (!before || !total || passed.count() <= 0) return std::nullopt;
  return static_cast<std::int64_t>(static_cast<double>(*total - *before) / passed.count());
}

GroupMonitor::Places GroupMonitor::find_places(const Root& root) {
  Places places;
  const auto memberships = linux::cgroup_memberships(root);
  if (!memberships) return places;
  for (const auto& one : *memberships) {
    if (!is_worker_group(std::string_view(one.group).substr(one.group.rfind('/') + 1))) continue;
    const CgroupDirectory here{one.version, one.directory()};
    const auto add = [&](std::optional<CgroupDirectory>& place, std::string_view controller, std::string_view file) {
      if (one.version == 1 ? one.has(controller) : root.exists(here.path + "/" + std::string(file))) place = here;
    };
    add(places.accounting, "cpuacct", "cpu.stat");
    add(places.cpu, "cpu", "cpu.max");
    add(places.memory, "memory", "memory.max");
    add(places.io, "blkio", "io.max");
    add(places.pids, "pids", "pids.max");
  }
  return places;
}

GroupMonitor::GroupMonitor(Options options)
    : options_(std::move(options)), places_(find_places(root_)), last_sample_(Clock::now()) {
  if (options_.limits.memory_bytes > 0)
    soft_memory_.limit = static_cast<std::int64_t>(options_.limits.memory_bytes / 100 * kSoftPercent);
  sample();
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

GroupMonitor::~GroupMonitor() = default;

void GroupMonitor::run(const std::stop_token& stop) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any stopping;
  while (!stop.stop_requested()) {
    stopping.wait_for(lock, stop, options_.period, [] { return false; });
    if (!stop.stop_requested()) sample();
  }
}

void GroupMonitor::sample() {
  const auto now = Clock::now();
  const std::chrono::duration<double> passed = now - std::exchange(last_sample_, now);
  sample_cpu(passed);
  sample_memory(now);
  if (places_.io) {
    const auto counters = linux::read_cgroup_io(root_, *places_.io);
    const auto rate = io_rate_.per_second(counters.used, passed);
    const std::lock_guard lock(mutex_);
    io_.limit = counters.limit;
    io_.observe(rate, {}, {});
  }
  if (places_.pids) {
    const auto counters = linux::read_cgroup_processes(root_, *places_.pids);
    const std::lock_guard lock(mutex_);
    processes_.limit = counters.limit;
    processes_.observe(counters.used, counters.peak, counters.refused);
  }
}

void GroupMonitor::sample_cpu(std::chrono::duration<double> passed) {
  linux::CgroupCpu counters;
  if (places_.accounting && places_.cpu)
    counters = linux::read_cgroup_cpu(root_, *places_.accounting, *places_.cpu);
  else
    counters.used_us = own_cpu_us();
  auto percent = cpu_rate_.per_second(counters.used_us, passed);
  if (percent) *percent /= 10'000;
  const std::lock_guard lock(mutex_);
  cpu_.limit = counters.limit;
  cpu_.observe(percent, {}, counters.throttled);
}

void GroupMonitor::sample_memory(Clock::time_point now) {
  linux::CgroupMemory counters;
  if (places_.memory)
    counters = linux::read_cgroup_memory(root_, *places_.memory);
  else
    counters.used = own_memory(root_);
  const auto held = counters.used.value_or(0) - counters.file_cache.value_or(0);
  const bool above = soft_memory_.limit && held >= *soft_memory_.limit;
  const bool sheds = above && (!last_shed_ || now - *last_shed_ >= kShedInterval);
  {
    const std::lock_guard lock(mutex_);
    memory_.limit = counters.limit;
    memory_.observe(counters.used, counters.peak, counters.oom_kills);
    soft_memory_.observe(held, {}, soft_memory_.struck + (above && !last_shed_ ? 1 : 0));
  }
  if (!above) last_shed_.reset();
  if (!sheds) return;
  last_shed_ = now;
  if (options_.shed) options_.shed();
}

std::vector<Limit> GroupMonitor::report() const {
  const std::lock_guard lock(mutex_);
  std::vector<Limit> rows;
  const auto add = [&](std::string name, std::string kind, std::string enforced_by, const Tracked& tracked,
                       std::string unit, std::string flag) {
    rows.push_back({std::move(name), "agent", std::move(kind), std::move(enforced_by), tracked.limit, tracked.used,
                    tracked.peak, std::move(unit), tracked.struck, tracked.last_struck, std::move(flag)});
  };
  // What the kernel does not hold the watcher may, with numbers of its own.
  const auto enforcer = [&](const std::optional<CgroupDirectory>& place, const Tracked& tracked, std::uint64_t asked,
                            bool watched) -> std::string {
    if (place && tracked.limit) return place->version == 2 ? "cgroup v2" : "cgroup v1";
    return asked > 0 && watched ? "watcher" : "none";
  };
  const auto& limits = options_.limits;
  add("cgroup_cpu", "hard", enforcer(places_.cpu, cpu_, limits.cpu_percent, options_.watched), cpu_,
      "percent of a core", "cgroup_cpu_percent");
  add("cgroup_memory", "hard", enforcer(places_.memory, memory_, limits.memory_bytes, options_.watched), memory_,
      "bytes", "cgroup_memory_mb");
  add("memory_soft_mark", "soft", soft_memory_.limit ? "worker" : "none", soft_memory_, "bytes", "cgroup_memory_mb");
  add("cgroup_io", "hard", enforcer(places_.io, io_, limits.io_bytes, false), io_, "bytes per second", "cgroup_io_mb");
  add("cgroup_processes", "hard", enforcer(places_.pids, processes_, limits.processes, false), processes_, "processes",
      "cgroup_pids");
  return rows;
}

}  // namespace osprey::agent
