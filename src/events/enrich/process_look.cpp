#include "events/enrich/process_look.h"

#include <algorithm>

#include "base/text.h"
#include "events/enrich/process_tree.h"
#include "linux/containers/cgroup_path.h"
#include "linux/procfs/terminal.h"

namespace osprey::events {
namespace {

constexpr std::string_view kDeleted = " (deleted)";

}  // namespace

std::uint64_t start_of(const linux::ProcessStat& stat) {
  const auto tick = 1'000'000'000 / static_cast<std::uint64_t>(linux::ticks_per_second());
  // 0 would be an unknown start; only init and the first kernel threads are as old.
  return std::max(stat.start_ticks, std::uint64_t{1}) * tick;
}

Credentials credentials_of(const linux::Process& process) {
  Credentials ids;
  if (const auto& status = process.status()) {
    if (status->users) {
      ids.uid = status->users->real;
      ids.euid = status->users->effective;
      ids.suid = status->users->saved;
      ids.fsuid = status->users->filesystem;
    }
    if (status->groups) {
      ids.gid = status->groups->real;
      ids.egid = status->groups->effective;
      ids.sgid = status->groups->saved;
      ids.fsgid = status->groups->filesystem;
    }
  }
  ids.login_uid = process.login_uid().value_or(std::nullopt);
  ids.session = process.audit_session().value_or(std::nullopt);
  return ids;
}

ExecutablePath executable_of(const linux::Process& process) {
  ExecutablePath found{.path = process.link("exe").value_or("")};
  found.deleted = found.path.ends_with(kDeleted);
  if (found.deleted) found.path.resize(found.path.size() - kDeleted.size());
  return found;
}

Result<ProcessLook> ProcessLook::open(const Root& root) { return ProcessLook(TRY(linux::Proc::open(root))); }

Result<Actor> ProcessLook::process(std::int64_t pid) {
  if (!std::in_range<pid_t>(pid)) return system_failure(ESRCH, "/proc");
  // Holds the directory of one process, whoever gets the pid next.
  const linux::Process process(proc_, static_cast<pid_t>(pid));
  const auto& stat = process.stat();
  if (!stat) return std::unexpected(stat.error());
  Actor actor{.process = {pid, start_of(*stat)}, .parent = {stat->parent, 0}};
  actor.ids = credentials_of(process);
  name_ = stat->name;
  tty_ = linux::terminal_name(stat->terminal).value_or("");
  path_ = executable_of(process).path;
  // What waits for a disk may hold the lock that the command line is read under.
  cmdline_ = stat->state == 'D' ? "" : process.read("cmdline", ProcessTree::kCommandLine).value_or("");
  cmdline_.erase(cmdline_.find_last_not_of('\0') + 1);
  std::replace(cmdline_.begin(), cmdline_.end(), '\0', ' ');
  cgroups_ = process.cgroups().value_or("");
  actor.name = name_;
  actor.path = path_;
  actor.cmdline = cmdline_;
  actor.tty = tty_;
  actor.cgroup_path = telling_cgroup_path(cgroups_);
  return actor;
}

Result<std::uint64_t> ProcessLook::start(std::int64_t pid) const {
  if (!std::in_range<pid_t>(pid)) return system_failure(ESRCH, "/proc");
  return transform(linux::Process(proc_, static_cast<pid_t>(pid)).stat(),
                   [](const auto& stat) { return start_of(stat); });
}

Result<linux::Process> ProcessLook::held(const ProcessKey& key) const {
  if (!std::in_range<pid_t>(key.pid)) return system_failure(ESRCH, "/proc");
  linux::Process process(proc_, static_cast<pid_t>(key.pid));
  const auto& stat = process.stat();
  if (!stat) return std::unexpected(stat.error());
  const auto start = start_of(*stat);
  if (key.start != 0 && std::max(start, key.start) - std::min(start, key.start) > 2 * ProcessTree::kTick)
    return system_failure(ESRCH, "/proc");
  return process;
}

Result<std::string_view> ProcessLook::cgroup_path(const ProcessKey& key) {
  const auto process = TRY(held(key));
  cgroups_ = TRY(process.cgroups());
  return telling_cgroup_path(cgroups_);
}

Result<std::string> ProcessLook::working_directory(const ProcessKey& key) const {
  const auto process = TRY(held(key));
  return process.link("cwd");
}

std::string_view telling_cgroup_path(std::string_view text) {
  std::string_view best;
  int rank = -1;
  for (auto line : Lines(text)) {
    take_until(line, ':');
    take_until(line, ':');
    const auto owner = linux::parse_cgroup_path(line);
    const int one = !owner.container_id.empty() ? 3 : !owner.unit.empty() ? 2 : line.size() > 1 ? 1 : 0;
    if (one <= rank) continue;
    rank = one;
    best = line;
  }
  return best;
}

}  // namespace osprey::events
