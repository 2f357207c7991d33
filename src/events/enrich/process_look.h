// ProcessLook: what /proc says of one process now, for those that no event told of.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/kinds/actor.h"
#include "linux/procfs/process.h"

namespace osprey::events {

class ProcessLook {
 public:
  static Result<ProcessLook> open(const Root& root);

  // All that the tree keeps of a process; its start in ticks of 10 ms. Texts are valid until the next call. An error:
  // there is none, or it has ended meanwhile.
  Result<Actor> process(std::int64_t pid);
  // When it was started, in nanoseconds since boot, rounded down to a tick.
  Result<std::uint64_t> start(std::int64_t pid) const;
  // Of one that was started then.
  Result<std::string_view> cgroup_path(const ProcessKey& process);
  Result<std::string> working_directory(const ProcessKey& process) const;
  Result<std::vector<pid_t>> pids() const { return proc_.pids(); }
  // When the host was started, in Unix seconds.
  Result<std::int64_t> boot_time() { return proc_.boot_time(); }

 private:
  explicit ProcessLook(linux::Proc proc) : proc_(std::move(proc)) {}
  Result<linux::Process> held(const ProcessKey& process) const;

  linux::Proc proc_;
  std::string name_, path_, cmdline_, tty_, cgroups_;
};

// Of the lines of /proc/PID/cgroup (cgroups(7)) the path that tells most: one that names a container, else one of a
// unit, else one that is not the root.
std::string_view telling_cgroup_path(std::string_view text);

}  // namespace osprey::events
