#include "events/enrich/enricher.h"

#include <fmt/format.h>
#include <linux/capability.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <variant>

#include "base/clock_reading.h"

namespace osprey::events {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kBetweenReaps = 60 * kSecond;
constexpr std::uint64_t kBetweenRefusals = 5 * kSecond;  // when there is no room, sooner
constexpr std::size_t kMostInVain = 4096;
constexpr std::uint64_t kReadLate = 2 * kSecond;  // file events, whose moment is that of their being read
constexpr int kMostAbove = 8;                     // ancestors looked at for one event

bool is_exec(const ProcessEvent& event) { return event.syscall.starts_with("exec"); }

// runc runs itself in the container's group, in three stages (libcontainer/nsenter), before it runs what it is to. So
// may have done who had ended before its arguments could be read.
bool may_be_runtime(const ProcessEvent& exec) {
  if (exec.arguments.empty() || exec.actor.name.starts_with("runc:[")) return true;
  return exec.arguments.size() == 2 && exec.arguments[1] == "init" && exec.arguments[0].ends_with("runc");
}

void fill_text(std::string_view& text, std::string_view by) {
  if (text.empty()) text = by;
}

void fill_ids(Credentials& ids, const Credentials& by) {
  const auto one = [](std::optional<std::uint32_t>& id, std::optional<std::uint32_t> known) {
    if (!id) id = known;
  };
  one(ids.uid, by.uid);
  one(ids.euid, by.euid);
  one(ids.suid, by.suid);
  one(ids.fsuid, by.fsuid);
  one(ids.gid, by.gid);
  one(ids.egid, by.egid);
  one(ids.sgid, by.sgid);
  one(ids.fsgid, by.fsgid);
  one(ids.login_uid, by.login_uid);
  one(ids.session, by.session);
}

using Id = std::optional<std::uint32_t>;

// Real, effective and saved.
std::array<Id, 3> users(const Credentials& ids) { return {ids.uid, ids.euid, ids.suid}; }
std::array<Id, 3> groups(const Credentials& ids) { return {ids.gid, ids.egid, ids.sgid}; }

bool has(const std::array<Id, 3>& ids, std::uint32_t id) { return std::ranges::find(ids, Id(id)) != ids.end(); }

// All three are known, and none is root's.
bool is_surely_not_root(const Credentials& ids) {
  const auto all = users(ids);
  return std::ranges::none_of(all, [](const Id& id) { return id.value_or(0) == 0; });
}

// capabilities(7), credentials(7): without CAP_SETUID or CAP_SETGID a process takes ids that it has in another place
// only. `told` are the ids that it had by the kernel, `remembered` those by all that it was seen to do.
std::optional<bool> is_expected(const PrivilegeEvent& event, const Credentials& told, const Credentials& remembered) {
  if (event.result < 0 || event.via_suid || event.kind == "user_namespace") return true;
  if (event.kind == "capset") {
    const auto &before = event.old_capabilities, after = event.new_capabilities;
    if (before && after && (*after & ~*before) == 0) return true;
    return std::nullopt;  // what is permitted and was not in effect is not told
  }
  const bool of_users = event.kind == "setuid";
  if (of_users && has(users(told), 0) && is_surely_not_root(remembered)) return false;
  const auto before = of_users ? users(event.before) : groups(event.before);
  const auto after = of_users ? users(event.actor.ids) : groups(event.actor.ids);
  if (!after[1]) return std::nullopt;
  const auto is_new = [&](const Id& id) { return id && !has(before, *id); };
  if (std::ranges::none_of(after, is_new)) return true;
  if (event.old_capabilities) return (*event.old_capabilities >> (of_users ? CAP_SETUID : CAP_SETGID) & 1) != 0;
  if (event.before.euid == 0U) return true;
  return std::nullopt;
}

void join(const std::vector<std::string_view>& arguments, std::string& line) {
  line.clear();
  for (const auto argument : arguments) {
    if (line.size() >= ProcessTree::kCommandLine) return;
    if (!line.empty()) line += ' ';
    line += argument;
  }
}

}  // namespace

Enricher::Enricher(Root root, ProcessTree& tree, const Options& options)
    : root_(std::move(root)), tree_(tree), options_(options), users_(root_), containers_(root_), name_servers_(root_) {
  if (auto look = ProcessLook::open(root_)) look_.emplace(std::move(*look));
}

Result<std::size_t> Enricher::seed() {
  if (!look_) return failure("/proc", "cannot be read: processes that run already have no ancestors");
  const auto pids = TRY(look_->pids());
  std::size_t found = 0;
  for (const auto pid : pids) {
    const auto process = look_->process(pid);
    if (!process) continue;  // it has ended since
    tree_.add(*process, boot_nanoseconds());
    ++found;
  }
  for (const auto pid : pids)
    if (const auto process = tree_.find({pid, 0}, boot_nanoseconds()))
      lives_.seed(container_of(process->process, boot_nanoseconds()), container_of(process->parent, boot_nanoseconds()),
                  process->process);
  return found;
}

// Empty outside of containers.
std::string Enricher::container_of(const ProcessKey& process, std::uint64_t moment) {
  if (process.pid <= 0) return {};
  const auto known = tree_.find(process, moment);
  if (!known || known->cgroup_path.empty()) return {};
  return containers_.of(known->cgroup_path, moment).owner.container_id;
}

std::optional<ContainerEvent> Enricher::container_event(AnyEvent any) {
  ContainerEvent event;
  const Actor* actor = nullptr;
  std::string_view cmdline;
  if (auto* const* process = std::get_if<ProcessEvent*>(&any)) {
    const ProcessEvent& exec = **process;
    if (!is_exec(exec) || exec.result < 0 || exec.actor.container_id.empty() || may_be_runtime(exec))
      return std::nullopt;
    actor = &exec.actor;
    event.header = exec.header;
    const auto known = tree_.find(actor->process, event.header.moment);
    if (known) cmdline = known->cmdline;
    const auto outside = container_of(known ? known->parent : actor->parent, event.header.moment);
    event.action = lives_.ran(actor->container_id, outside, actor->process);
  } else if (auto* const* ended = std::get_if<ExitEvent*>(&any)) {
    actor = &(*ended)->actor;
    event.header = (*ended)->header;
    event.action = lives_.ended(actor->container_id, actor->process);
    event.exit_code = (*ended)->exit_code;
  }
  if (event.action.empty()) return std::nullopt;
  const auto& facts = containers_.of(actor->cgroup_path, event.header.moment);
  event.actor = *actor;
  fill_text(event.actor.cmdline, cmdline);
  event.container_id = actor->container_id;
  event.engine = facts.owner.engine;
  event.name = facts.name;
  event.image = facts.image;
  return event;
}

void Enricher::feed(AnyEvent event) {
  std::visit([this](auto* one) { tell(*one); }, event);
}

void Enricher::complete(AnyEvent event) {
  std::visit(
      [this]<class Event>(Event* one) {
        tell(*one);
        if constexpr (requires { one->actor; }) {
          constexpr bool kProcess = std::is_same_v<Event, ProcessEvent>;
          bool with_cmdline = true;
          // It had been there when it happened; since then it may have ended.
          if constexpr (std::is_same_v<Event, FileEvent>)
            if (const auto who = tree_.find_late(one->actor.process, one->header.moment, kReadLate))
              one->actor.process = who->process;
          // The arguments are there.
          if constexpr (kProcess) with_cmdline = one->arguments.empty();
          fill(one->actor, one->header.moment, with_cmdline);
          if constexpr (std::is_same_v<Event, AuthenticationEvent>)
            if (one->username.empty() && one->header.origin == Origin::audit && one->actor.ids.login_uid)
              one->username = users_.name(*one->actor.ids.login_uid, one->header.moment);
          if constexpr (std::is_same_v<Event, ExitEvent>)
            if (const auto start = one->actor.process.start; !one->lifetime && start != 0)
              one->lifetime = std::max(one->header.moment, start) - start;
          if constexpr (std::is_same_v<Event, PtraceEvent>) fill_target(*one);
          if constexpr (std::is_same_v<Event, DnsEvent>)
            if (one->actor.container_id.empty())
              one->configured = name_servers_.has(one->server_address, one->header.moment);
          if constexpr (std::is_same_v<Event, SocketEvent>)
            if (one->network_namespace && root_.is_host())
              fill_text(one->interface,
                        interfaces_.with(one->local_address, *one->network_namespace, one->header.moment));
        }
      },
      event);
}

template <class Event>
void Enricher::tell(Event& event) {
  const auto moment = event.header.moment;
  if (moment >= next_reap_) reap(moment);
  if constexpr (std::is_same_v<Event, ProcessEvent>) {
    if (event.result < 0) return;
    if (is_exec(event)) return tell_exec(event);
    if (event.target.pid <= 0 || event.signal != 0 || event.syscall.ends_with("kill")) return;
    ProcessKey child = event.target;
    if (child.start == 0) child.start = moment - moment % ProcessTree::kTick;
    tree_.fork(event.actor.process, child);
  } else if constexpr (std::is_same_v<Event, ExitEvent>) {
    tree_.exit(event.actor.process, moment);
  } else if constexpr (std::is_same_v<Event, PrivilegeEvent>) {
    const auto known = tree_.find(event.actor.process, moment);
    const auto remembered = known ? known->ids : Credentials();
    const auto told = event.before;
    fill_ids(event.before, remembered);
    if (!event.expected) event.expected = is_expected(event, told, remembered);
    if (event.result == 0) tree_.change_ids(event.actor, moment);
  }
}

// What the source does not know is asked while the process may still be there.
void Enricher::tell_exec(ProcessEvent& event) {
  Actor actor = event.actor;
  const auto moment = event.header.moment;
  const bool new_here = actor.process.start == 0 && !tree_.find(actor.process, moment);
  const bool no_group = actor.cgroup_path.empty() && actor.cgroup_id == 0;
  if ((new_here || no_group) && look_ && may_look(moment)) {
    ++counts_.looks;
    if (new_here) actor.process.start = look_->start(actor.process.pid).value_or(0);
    // Whoever starts containers and services moves them into their groups before they run their program.
    if (no_group) cgroup_ = look_->cgroup_path(actor.process).value_or("");
    if (no_group) actor.cgroup_path = cgroup_;
    if (actor.cgroup_path.empty() && actor.process.start == 0) ++counts_.gone;
  }
  // Gone, and its start not told yet (vfork(2) ends after the exec): it was where its parent is.
  if (new_here && no_group && actor.cgroup_path.empty())
    if (const auto parent = tree_.find(actor.parent, moment)) actor.cgroup_path = cgroup_ = parent->cgroup_path;
  if (actor.cmdline.empty()) {
    join(event.arguments, cmdline_);
    actor.cmdline = cmdline_;
  }
  tree_.exec(actor, moment);
}

std::optional<PrivilegeEvent> Enricher::unexplained(AnyEvent event) const {
  auto* const* process = std::get_if<ProcessEvent*>(&event);
  if (!process || !is_exec(**process) || (*process)->result < 0) return std::nullopt;
  const ProcessEvent& exec = **process;
  if (exec.actor.ids.euid != 0U || !exec.executable.mode || (*exec.executable.mode & S_ISUID) != 0) return std::nullopt;
  const auto known = tree_.find(exec.actor.process, exec.header.moment);
  if (!known || !is_surely_not_root(known->ids)) return std::nullopt;
  PrivilegeEvent jump;
  jump.header = exec.header;
  // The rest is the tree's to tell.
  jump.actor.process = exec.actor.process;
  jump.actor.tid = exec.actor.tid;
  jump.actor.ids = exec.actor.ids;
  jump.kind = "exec";
  jump.syscall = exec.syscall;
  jump.before = known->ids;
  jump.new_capabilities = exec.capabilities;
  jump.expected = false;
  return jump;
}

bool Enricher::may_look(std::uint64_t moment) {
  if (const auto second = moment / kSecond; second != second_) {
    second_ = second;
    looks_ = 0;
  }
  if (looks_ < options_.looks_per_second) return ++looks_, true;
  ++counts_.looks_refused;
  return false;
}

// Tells the tree of a process that it does not know, or knows nothing of; once for each.
bool Enricher::look_at(const ProcessKey& process, std::uint64_t moment) {
  if (!look_ || process.pid <= 0 || in_vain_.contains(process) || !may_look(moment)) return false;
  ++counts_.looks;
  const auto found = look_->process(process.pid);
  // Another that has its pid now was started later.
  const auto latest = (process.start != 0 ? process.start : moment) + 2 * ProcessTree::kTick;
  const bool same = found && found->process.start <= latest;
  if (!same) {
    ++counts_.gone;
    if (in_vain_.size() >= kMostInVain) in_vain_.clear();
    if (process.start != 0) in_vain_.insert(process);
    return false;
  }
  tree_.add(*found, boot_nanoseconds());
  return true;
}

std::optional<ProcessTree::Known> Enricher::know(const ProcessKey& process, std::uint64_t moment) {
  auto known = tree_.find(process, moment);
  if (known && known->has_image) return known;
  if (look_at(known ? known->process : process, moment)) return tree_.find(process, moment);
  return known;
}

void Enricher::fill(Actor& actor, std::uint64_t moment, bool with_cmdline) {
  if (actor.process.pid <= 0) return fill_outside(actor, moment);
  auto known = know(actor.process, moment);
  if (!known) return fill_outside(actor, moment);
  actor.process = known->process;
  // Up to init.
  tree_.ancestors(*known, actor.ancestors);
  for (int left = kMostAbove; left > 0; --left) {
    const auto top = actor.ancestors.empty() ? ProcessKey{} : ProcessKey{actor.ancestors.back(), 0};
    if (top.pid <= 2 || actor.ancestors.size() >= ProcessTree::kAncestors) break;
    const auto above = tree_.find(top, known->process.start);
    if (!above || above->has_image || !look_at(above->process, moment)) break;
    known = tree_.find(actor.process, moment);
    if (!known) return fill_outside(actor, moment);
    tree_.ancestors(*known, actor.ancestors);
  }
  if (actor.parent.pid == 0 || actor.parent.pid == known->parent.pid)
    actor.parent = known->parent;
  else if (actor.parent.start == 0)
    if (const auto parent = tree_.find(actor.parent, moment)) actor.parent = parent->process;
  fill_text(actor.name, known->name);
  fill_text(actor.path, known->path);
  if (with_cmdline) fill_text(actor.cmdline, known->cmdline);
  fill_text(actor.tty, known->tty);
  // Where the second version has but its root (hosts that are cgroup v1's), what it ran in says more.
  if (actor.cgroup_path.empty() && actor.cgroup_id != 0)
    if (const auto group = containers_.path_of(actor.cgroup_id); group != "/") actor.cgroup_path = group;
  fill_text(actor.cgroup_path, known->cgroup_path);
  fill_ids(actor.ids, known->ids);
  fill_outside(actor, moment);
}

// What is not the process's own: the names of its user and of its group's container.
void Enricher::fill_outside(Actor& actor, std::uint64_t moment) {
  if (actor.ids.uid) fill_text(actor.user, users_.name(*actor.ids.uid, moment));
  if (actor.cgroup_path.empty()) actor.cgroup_path = containers_.path_of(actor.cgroup_id);
  if (actor.cgroup_path.empty()) return;
  const auto& facts = containers_.of(actor.cgroup_path, moment);
  fill_text(actor.container_id, facts.owner.container_id);
  fill_text(actor.container_name, facts.name);
  fill_text(actor.container_image, facts.image);
  fill_text(actor.unit, facts.owner.unit);
}

void Enricher::fill_target(PtraceEvent& event) {
  // No look at /proc: the number may be a thread's.
  const auto known = tree_.find(event.target, event.header.moment);
  if (!known) return;
  event.target = known->process;
  if (!event.target_uid) event.target_uid = known->ids.uid;
  fill_text(event.target_path, known->path);
}

// A source that tells of no ends, or lost some, would leave the tree full of what is long gone.
void Enricher::reap(std::uint64_t moment) {
  next_reap_ = moment + kBetweenRefusals;
  const auto refused = tree_.usage().refused;
  if (!look_ || (refused == refused_ && moment < last_reap_ + kBetweenReaps)) return;
  refused_ = refused;
  last_reap_ = moment;
  const auto when = boot_nanoseconds();
  if (const auto pids = look_->pids()) tree_.reap(*pids, when);
}

}  // namespace osprey::events
