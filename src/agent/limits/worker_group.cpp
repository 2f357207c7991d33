#include "agent/limits/worker_group.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <thread>

#include "base/text.h"
#include "linux/procfs/process.h"

namespace osprey::agent {
namespace {

using linux::CgroupDelegation;
using linux::CgroupMembership;

constexpr std::uint64_t kPeriodUs = 100'000;  // short: a group that is stopped in the kernel may hold others' locks
constexpr std::string_view kPrefix = "osprey-";
constexpr std::string_view kWorkerRole = "worker";
constexpr std::string_view kWatcherRole = "watcher";
constexpr std::string_view kLowIoWeight = "10";  // the idle class alone counts but within a group

Result<void> write_file(const std::string& path, std::string_view text) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) return system_failure(path);
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) return system_failure(path);
  return {};
}

// For what is good to have and missing in many kernels.
void try_to_write(const std::string& path, std::string_view text) { static_cast<void>(write_file(path, text)); }

Result<void> make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) return system_failure(path);
  return {};
}

// Processes of other pid namespaces, which the kernel lists as 0, are left out.
std::vector<pid_t> processes_in(const Root& root, const std::string& group) {
  std::vector<pid_t> pids;
  if (const auto text = root.read(group + "/cgroup.procs"))
    for (const auto line : Lines(text->bytes))
      if (const auto pid = parse<pid_t>(line); pid && *pid > 0) pids.push_back(*pid);
  return pids;
}

// Kills what is in a group, without this process, and removes it. Bounded: what hangs in the kernel stays, and its
// group is removed at a later start.
void end_group(const Root& root, const std::string& group) {
  for (int tries = 0; tries < 50; ++tries) {
    if (::rmdir(group.c_str()) == 0 || errno == ENOENT) return;
    bool killed = false;
    for (const auto pid : processes_in(root, group))
      if (pid != ::getpid()) killed = ::kill(pid, SIGKILL) == 0 || killed;
    if (!killed && tries > 10) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

std::optional<std::uint64_t> start_ticks_of(const Root& root, pid_t pid) {
  const auto proc = linux::Proc::open(root);
  if (!proc) return std::nullopt;
  const linux::Process process(*proc, pid);
  const auto& stat = process.stat();
  if (!stat) return std::nullopt;
  return stat->start_ticks;
}

// Groups below `parent` whose watcher is no more. A watcher's own group is but removed, as whoever starts a watcher
// may still be there.
void remove_leftovers(const Root& root, const std::string& parent, std::uint64_t pid_namespace) {
  const auto entries = root.list(parent);
  if (!entries) return;
  for (const auto& entry : *entries) {
    std::string_view name = entry.name;
    if (!name.starts_with(kPrefix)) continue;
    name.remove_prefix(kPrefix.size());
    const auto role = take_until(name, '-');
    const auto pid = parse<pid_t>(take_until(name, '-'));
    const auto start = parse<std::uint64_t>(take_until(name, '-'));
    if (!pid || !start || parse<std::uint64_t>(name) != pid_namespace) continue;
    if (start_ticks_of(root, *pid) == start) continue;
    const auto group = parent + "/" + entry.name;
    if (role == kWorkerRole)
      end_group(root, group);
    else if (role == kWatcherRole)
      ::rmdir(group.c_str());
  }
}

bool contains(std::string_view list, std::string_view word) {
  for (const auto field : fields(list))
    if (field == word) return true;
  return false;
}

std::string_view v1_name(std::string_view controller) { return controller == "io" ? "blkio" : controller; }

// Numbers of all disks that are no mere view of another.
std::vector<std::string> disks(const Root& root) {
  std::vector<std::string> numbers;
  const auto entries = root.list("/sys/block");
  if (!entries) return numbers;
  for (const auto& entry : *entries) {
    const auto directory = "/sys/block/" + entry.name;
    if (!root.exists(directory + "/device")) continue;
    if (auto number = root.read_trimmed(directory + "/dev")) numbers.push_back(std::move(*number));
  }
  return numbers;
}

bool is_below(std::string_view group, std::string_view top) {
  return group == top || (group.starts_with(top) && group.substr(top.size()).starts_with('/'));
}

// v2: whether controllers can be switched on in `directory`, and whether we have to leave it for that.
std::optional<GroupPlace> place_in(const Root& root, const std::string& directory) {
  if (!root.exists(directory + "/cgroup.controllers")) return std::nullopt;
  if (!root.exists(directory + "/cgroup.type")) return GroupPlace{directory, false};  // the host's topmost
  const auto text = root.read(directory + "/cgroup.procs");
  if (!text) return std::nullopt;
  bool ours = false;
  for (const auto line : Lines(text->bytes)) {
    if (parse<pid_t>(line) != ::getpid()) return std::nullopt;
    ours = true;
  }
  return GroupPlace{directory, ours};
}

}  // namespace

GroupLimits GroupLimits::of(const Flags& flags) {
  const auto megabytes = [&](FlagName flag) { return static_cast<std::uint64_t>(flags.number(flag)) << 20; };
  return {static_cast<std::uint64_t>(flags.number("cgroup_cpu_percent")), megabytes("cgroup_memory_mb"),
          megabytes("cgroup_io_mb"), static_cast<std::uint64_t>(flags.number("cgroup_pids")),
          std::string(flags.text("cgroup_parent"))};
}

std::string group_name(std::string_view role, pid_t pid, std::uint64_t start_ticks, std::uint64_t pid_namespace) {
  return fmt::format("{}{}-{}-{}-{}", kPrefix, role, pid, start_ticks, pid_namespace);
}

bool is_worker_group(std::string_view name) { return name.starts_with(fmt::format("{}{}-", kPrefix, kWorkerRole)); }

Result<GroupPlace> place_of_group(const Root& root, const CgroupMembership& membership,
                                  const CgroupDelegation& delegation, std::string_view asked_parent) {
  using Kind = CgroupDelegation::Kind;
  if (!asked_parent.empty()) {
    const auto directory = membership.directory(asked_parent);
    if (membership.version == 1) return GroupPlace{directory, false};
    if (auto place = place_in(root, directory)) return *std::move(place);
    return failure(directory, "is no group, or holds processes: v2 takes no controllers below it");
  }
  const auto own = membership.directory();
  const bool ours = delegation.kind == Kind::delegated && is_below(membership.group, delegation.group);
  if (delegation.kind != Kind::free && !ours)
    return failure(own, "is systemd's and not delegated: Delegate=yes in the unit, or --cgroup_parent, would help");
  if (membership.version == 1) return GroupPlace{own, false};
  std::optional<std::string> group = membership.group;
  for (int up = 0; group && up < 2; ++up, group = linux::parent_group(*group)) {
    if (ours && !is_below(*group, delegation.group)) break;
    if (auto place = place_in(root, membership.directory(*group))) return *std::move(place);
  }
  return failure(own, "holds other processes, as the group above does: v2 takes no controllers below them");
}

WorkerGroup WorkerGroup::make(const GroupLimits& limits) {
  WorkerGroup group(limits);
  group.set_up();
  return group;
}

WorkerGroup::~WorkerGroup() {
  if (owner_ == ::getpid()) remove();
}

void WorkerGroup::set_up() {
  owner_ = ::getpid();
  if (limits_.cpu_percent) wanted_.emplace_back("cpu");
  if (limits_.memory_bytes) wanted_.emplace_back("memory");
  if (limits_.io_bytes) wanted_.emplace_back("io");
  if (limits_.processes) wanted_.emplace_back("pids");
  if (wanted_.empty()) return;
  const auto memberships = linux::cgroup_memberships(root_);
  const auto start = start_ticks_of(root_, owner_);
  struct stat about;
  if (!memberships || !start || ::stat("/proc/self/ns/pid", &about) != 0)
    return give_up(wanted_, {0, "/proc", "cannot be read"});
  start_ticks_ = *start;
  pid_namespace_ = about.st_ino;
  const auto delegation = linux::cgroup_delegation(root_, *memberships);
  // v1 first: v2 does not have the controllers that are bound there.
  for (const int version : {1, 2})
    for (const auto& one : *memberships)
      if (one.version == version) add(one, delegation);
  if (!wanted_.empty()) give_up(wanted_, {0, {}, "no hierarchy here offers it"});
  if (!memory_.path.empty()) oom_kills_ = linux::read_cgroup_oom_kills(root_, memory_).value_or(0);
}

void WorkerGroup::give_up(std::vector<std::string> controllers, const Error& error) {
  if (controllers.empty()) return;
  notices_.push_back(fmt::format("no cgroup holds the agent's {}: {}", fmt::join(controllers, ", "), error.text()));
  for (const auto& controller : controllers) std::erase(wanted_, controller);
}

void WorkerGroup::add(const CgroupMembership& membership, const CgroupDelegation& delegation) {
  // Processor time is counted by another controller of v1 than the one that limits it.
  const bool counts = limits_.cpu_percent && membership.has("cpuacct");
  auto controllers = wanted_;
  if (membership.version == 1)
    std::erase_if(controllers, [&](const auto& controller) { return !membership.has(v1_name(controller)); });
  if (controllers.empty() && !counts) return;
  const auto place = place_of_group(root_, membership, delegation, limits_.parent);
  if (!place) return give_up(controllers, place.error());
  // Where an earlier watcher may have found its place; who else is in a group changes.
  for (const auto& directory : {place->parent, membership.directory(),
                                membership.directory(linux::parent_group(membership.group).value_or("/"))})
    remove_leftovers(root_, directory, pid_namespace_);
  if (membership.version == 2) {
    const auto offered = root_.read_trimmed(place->parent + "/cgroup.controllers").value_or("");
    std::erase_if(controllers, [&](const auto& controller) { return !contains(offered, controller); });
    if (controllers.empty()) return;
  }
  hierarchies_.push_back({membership.version, place->parent});
  auto& hierarchy = hierarchies_.back();
  if (const auto made = make_group(hierarchy, *place); !made) return give_up(controllers, made.error());
  for (const auto& controller : controllers) {
    const auto enforced = enforce(hierarchy, controller, *place);
    if (!enforced) give_up({controller}, enforced.error());
    std::erase(wanted_, controller);
  }
}

Result<void> WorkerGroup::make_group(Hierarchy& hierarchy, const GroupPlace& place) {
  const auto path = [&](std::string_view role) {
    return fmt::format("{}/{}", hierarchy.parent, group_name(role, owner_, start_ticks_, pid_namespace_));
  };
  if (place.moves_watcher) {
    hierarchy.watcher_group = path(kWatcherRole);
    TRY(make_directory(hierarchy.watcher_group));
    TRY(write_file(hierarchy.watcher_group + "/cgroup.procs", "0"));
  }
  hierarchy.group = path(kWorkerRole);
  TRY(make_directory(hierarchy.group));
  // v1 lets nothing in before it has processors and memory nodes, where that controller is mounted with another.
  for (const auto* file : {"/cpuset.cpus", "/cpuset.mems"})
    if (const auto text = root_.read_trimmed(hierarchy.parent + file); text && hierarchy.version == 1)
      try_to_write(hierarchy.group + file, *text);
  const auto procs = hierarchy.group + "/cgroup.procs";
  hierarchy.procs.reset(::open(procs.c_str(), O_WRONLY | O_CLOEXEC));
  if (!hierarchy.procs) return system_failure(procs);
  return {};
}

Result<void> WorkerGroup::enforce(Hierarchy& hierarchy, const std::string& controller, const GroupPlace& place) {
  if (hierarchy.version == 2) {
    const auto file = hierarchy.parent + "/cgroup.subtree_control";
    if (!contains(root_.read_trimmed(file).value_or(""), controller)) {
      TRY(write_file(file, "+" + controller));
      // At the top others may come to rely on it.
      if (place.moves_watcher) hierarchy.enabled.push_back(controller);
    }
  }
  TRY(write_limit(hierarchy, controller));
  if (controller == "memory") memory_ = {hierarchy.version, hierarchy.group};
  return {};
}

Result<void> WorkerGroup::write_limit(const Hierarchy& hierarchy, std::string_view controller) const {
  const bool v2 = hierarchy.version == 2;
  const auto file = [&](std::string_view name) { return fmt::format("{}/{}", hierarchy.group, name); };
  if (controller == "cpu") {
    const auto quota = limits_.cpu_percent * kPeriodUs / 100;
    if (v2) return write_file(file("cpu.max"), fmt::format("{} {}", quota, kPeriodUs));
    TRY(write_file(file("cpu.cfs_period_us"), fmt::to_string(kPeriodUs)));
    return write_file(file("cpu.cfs_quota_us"), fmt::to_string(quota));
  }
  if (controller == "memory") {
    const auto bytes = fmt::to_string(limits_.memory_bytes);
    if (v2) {
      try_to_write(file("memory.swap.max"), "0");
      return write_file(file("memory.max"), bytes);
    }
    TRY(write_file(file("memory.limit_in_bytes"), bytes));
    try_to_write(file("memory.memsw.limit_in_bytes"), bytes);  // with swap no more than without
    return {};
  }
  if (controller == "pids") return write_file(file("pids.max"), fmt::to_string(limits_.processes));
  return write_io_limit(hierarchy);
}

Result<void> WorkerGroup::write_io_limit(const Hierarchy& hierarchy) const {
  const auto file = [&](std::string_view name) { return fmt::format("{}/{}", hierarchy.group, name); };
  const bool v2 = hierarchy.version == 2;
  for (const auto* name :
       v2 ? std::array{"io.weight", "io.bfq.weight"} : std::array{"blkio.weight", "blkio.bfq.weight"})
    try_to_write(file(name), kLowIoWeight);
  for (const auto& disk : disks(root_)) {
    if (v2) {
      TRY(write_file(file("io.max"), fmt::format("{0} rbps={1} wbps={1}", disk, limits_.io_bytes)));
      continue;
    }
    const auto text = fmt::format("{} {}", disk, limits_.io_bytes);
    TRY(write_file(file("blkio.throttle.read_bps_device"), text));
    TRY(write_file(file("blkio.throttle.write_bps_device"), text));
  }
  return {};
}

std::vector<std::string> WorkerGroup::directories() const {
  std::vector<std::string> all;
  all.reserve(hierarchies_.size());
  for (const auto& hierarchy : hierarchies_) all.push_back(hierarchy.group);
  return all;
}

void WorkerGroup::enter() const noexcept {
  for (const auto& hierarchy : hierarchies_) {
    // "0" is whoever writes. What fails here the worker sees by itself, as it does not find itself inside.
    [[maybe_unused]] const auto written = ::write(hierarchy.procs.get(), "0", 1);
  }
}

bool WorkerGroup::oom_killed() {
  if (memory_.path.empty()) return false;
  const auto kills = linux::read_cgroup_oom_kills(root_, memory_).value_or(oom_kills_);
  return std::exchange(oom_kills_, kills) < kills;
}

void WorkerGroup::remove() {
  for (auto& hierarchy : hierarchies_) {
    hierarchy.procs.reset();
    if (!hierarchy.group.empty()) end_group(root_, hierarchy.group);
    if (hierarchy.watcher_group.empty()) continue;
    for (const auto& controller : hierarchy.enabled)
      try_to_write(hierarchy.parent + "/cgroup.subtree_control", "-" + controller);
    try_to_write(hierarchy.parent + "/cgroup.procs", "0");
    ::rmdir(hierarchy.watcher_group.c_str());
  }
  hierarchies_.clear();
  memory_ = {};
}

}  // namespace osprey::agent
