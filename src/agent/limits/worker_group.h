// WorkerGroup: the control group that the worker, extensions and helpers run in, made and removed by the watcher.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/flags/flags.h"
#include "base/root.h"
#include "base/unique_fd.h"
#include "linux/cgroup/counters.h"
#include "linux/cgroup/membership.h"

namespace osprey::agent {

// What the cgroup_… flags ask for; 0 stands for no such limit.
struct GroupLimits {
  std::uint64_t cpu_percent = 0;  // of one core
  std::uint64_t memory_bytes = 0;
  std::uint64_t io_bytes = 0;  // a second, from and to each disk
  std::uint64_t processes = 0;
  std::string parent;  // the group to make ours below; empty: by the rules of place_of_group()

  static GroupLimits of(const Flags& flags);
};

// Names of groups tell whose they are: "osprey-worker-PID-START-NAMESPACE" of the watcher with that process id and
// start time in that pid namespace. What a killed watcher leaves behind is known by them.
std::string group_name(std::string_view role, pid_t pid, std::uint64_t start_ticks, std::uint64_t pid_namespace);
// Whether it is the name of some agent's worker group.
bool is_worker_group(std::string_view name);

// Where in a hierarchy a group for the worker can be, this process staying outside.
struct GroupPlace {
  std::string parent;          // its directory
  bool moves_watcher = false;  // v2 takes no controllers below a group with processes: the watcher has to leave it
};
// Below our own group; in v2 else beside it, where other processes are in it too. systemd's rules hold: without its
// Delegate= nothing is made (--cgroup_parent is the way around).
Result<GroupPlace> place_of_group(const Root& root, const linux::CgroupMembership& membership,
                                  const linux::CgroupDelegation& delegation, std::string_view asked_parent);

// Belongs to one thread. Needs no other part of the agent.
class WorkerGroup {
 public:
  // Makes the group in every hierarchy that can enforce something of `limits`, v1 and v2 side by side, and removes
  // what killed watchers of the same host left, their processes with it. Never fails: what could not be had is in
  // notices() and the watcher's own limits remain.
  static WorkerGroup make(const GroupLimits& limits);
  WorkerGroup(WorkerGroup&&) noexcept = default;
  WorkerGroup& operator=(WorkerGroup&&) = delete;
  ~WorkerGroup();

  // Which limits are not enforced and why, a sentence each; to be logged once.
  const std::vector<std::string>& notices() const noexcept { return notices_; }
  // Directories of the group, for messages; none where there is none.
  std::vector<std::string> directories() const;

  // In the child, between fork and exec: puts it and all that it will start into the group. Async-signal-safe.
  void enter() const noexcept;

  // Whether the kernel has killed a process of the group for want of memory since the last call. To be asked at each
  // poll, so that a helper's end is not taken for the cause when the worker dies, and at once when it has died.
  bool oom_killed();

  // Ends what is still in the group, removes it and goes back to where the watcher was. The destructor does the same,
  // but not in a forked child.
  void remove();

 private:
  struct Hierarchy {
    int version = 0;
    std::string parent;
    std::string group;
    std::string watcher_group;         // v2: where the watcher has moved to; empty if it has not
    std::vector<std::string> enabled;  // v2: controllers that we have switched on in `parent`
    UniqueFd procs;                    // the group's cgroup.procs
  };

  explicit WorkerGroup(const GroupLimits& limits) : limits_(limits) {}
  void set_up();
  // Says that nothing will enforce these.
  void give_up(std::vector<std::string> controllers, const Error& error);
  void add(const linux::CgroupMembership& membership, const linux::CgroupDelegation& delegation);
  Result<void> make_group(Hierarchy& hierarchy, const GroupPlace& place);
  Result<void> enforce(Hierarchy& hierarchy, const std::string& controller, const GroupPlace& place);
  Result<void> write_limit(const Hierarchy& hierarchy, std::string_view controller) const;
  Result<void> write_io_limit(const Hierarchy& hierarchy) const;

  Root root_ = Root::host();
  GroupLimits limits_;
  pid_t owner_ = 0;
  std::uint64_t start_ticks_ = 0;
  std::uint64_t pid_namespace_ = 0;
  std::vector<std::string> wanted_;  // controllers that nothing enforces yet: "cpu", "memory", "io", "pids"
  std::vector<Hierarchy> hierarchies_;
  std::vector<std::string> notices_;
  linux::CgroupDirectory memory_;
  std::int64_t oom_kills_ = 0;
};

}  // namespace osprey::agent
