#include "events/audit/rules.h"

#include <fmt/format.h>
#include <linux/audit.h>
#include <linux/net.h>
#include <linux/sched.h>
#include <sys/ptrace.h>

#include <algorithm>
#include <array>
#include <optional>

#include "events/audit/calls.h"
#include "events/audit/decode.h"

namespace osprey::events::audit {
namespace {

using linux::AuditArch;
using linux::AuditRule;

// Whose answers are wanted.
enum class Want : std::uint8_t { nothing, successes, all };

// A call that is wanted with some arguments only.
struct Narrowed {
  std::string_view call;
  std::uint32_t field, op, value;
  std::uint32_t to = 0;  // not 0: and at most this
};

constexpr std::uint32_t kNewNamespaces =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

class Wishes {
 public:
  Wishes(const AuditOptions& options, const Demand& demand)
      : options_(options), demand_(demand), kinds_(demand.kinds & offered(options)) {}

  Want of(Call call) const {
    const auto success = options_.failed_calls ? Want::all : Want::successes;
    const auto when = [&](bool wanted) { return wanted ? success : Want::nothing; };
    const bool processes = has<ProcessEvent>();
    const bool files = has<ProcessFileEvent>();
    const bool sockets = has<SocketEvent>();
    switch (call) {
      case Call::exec:
        return when((processes && demand_.execs) || has<PrivilegeEvent>());
      case Call::fork:
      case Call::clone:
        return when((processes && demand_.forks && options_.fork_process_events) || files);
      case Call::clone3:
        return when(processes && demand_.forks && options_.fork_process_events);
      case Call::kill:
      case Call::thread_kill:
      case Call::group_kill:
        return when(processes && demand_.kills && options_.kill_process_events);
      case Call::bind:
        return !sockets ? Want::nothing : options_.failed_socket_events ? Want::all : Want::successes;
      case Call::connect:
        // One that goes on meanwhile has failed, as far as audit knows.
        return sockets ? Want::all : Want::nothing;
      case Call::accept:
        if (!sockets || !options_.accept_socket_events) return Want::nothing;
        return options_.failed_socket_events || options_.null_accept_socket_events ? Want::all : Want::successes;
      case Call::load_module:
      case Call::unload_module:
        // They are rare, and what was refused is worth knowing.
        return has<KernelModuleEvent>() ? Want::all : Want::nothing;
      case Call::memory_write:
        return when(has<PtraceEvent>());
      case Call::unshare:
        return when(has<NamespaceEvent>() || has<PrivilegeEvent>());
      case Call::setns:
      case Call::mount:
      case Call::umount:
      case Call::move_mount:
      case Call::pivot_root:
      case Call::chroot:
        return when(has<NamespaceEvent>());
      case Call::set_user:
      case Call::set_group:
      case Call::capset:
        return when(has<PrivilegeEvent>());
      case Call::open:
      case Call::open_at:
      case Call::open_how:
      case Call::create:
      case Call::make_node:
      case Call::duplicate:
      case Call::write:
      case Call::map:
      case Call::truncate:
      case Call::truncate_open:
      case Call::link:
      case Call::symlink:
      case Call::rename:
      case Call::unlink:
      case Call::close:
        return when(files);
      case Call::read:
        return when(files && options_.show_accesses);
      default:
        return Want::nothing;
    }
  }

  std::vector<Narrowed> narrowed() const {
    std::vector<Narrowed> made;
    if (has<PtraceEvent>()) {
      made.push_back({"ptrace", AUDIT_ARG0, AUDIT_EQUAL, PTRACE_ATTACH});
      made.push_back({"ptrace", AUDIT_ARG0, AUDIT_EQUAL, PTRACE_SEIZE});
      made.push_back({"ptrace", AUDIT_ARG0, AUDIT_GREATER_THAN_OR_EQUAL, PTRACE_POKETEXT, PTRACE_POKEDATA});
      made.push_back({"ptrace", AUDIT_ARG0, AUDIT_EQUAL, PTRACE_SETREGSET});
    }
    if (has<BpfLoadEvent>()) made.push_back({"bpf", AUDIT_ARG0, AUDIT_EQUAL, 5 /* BPF_PROG_LOAD */});
    if (has<NamespaceEvent>() && of(Call::clone) == Want::nothing)
      made.push_back({"clone", AUDIT_ARG0, AUDIT_BIT_MASK, kNewNamespaces});
    if (has<SocketEvent>()) {
      made.push_back({"socketcall", AUDIT_ARG0, AUDIT_GREATER_THAN_OR_EQUAL, SYS_BIND, SYS_CONNECT});
      if (options_.accept_socket_events) {
        made.push_back({"socketcall", AUDIT_ARG0, AUDIT_EQUAL, SYS_ACCEPT});
        made.push_back({"socketcall", AUDIT_ARG0, AUDIT_EQUAL, SYS_ACCEPT4});
      }
    }
    return made;
  }

 private:
  template <class Event>
  bool has() const noexcept {
    return kinds_[kKind<Event>];
  }

  const AuditOptions& options_;
  const Demand& demand_;
  Kinds kinds_;
};

AuditRule rule_for(AuditArch arch) {
  AuditRule rule;
  rule.list = AUDIT_FILTER_EXIT;
  rule.action = AUDIT_ALWAYS;
  rule.add(AUDIT_ARCH, AUDIT_EQUAL, linux::audit_arch_number(arch));
  return rule;
}

// Of the calls that the others ask of the architecture: a rule for all calls would be weighed at each call of every
// program.
AuditRule never(AuditArch arch, const std::string& executable, const std::vector<AuditRule>& others) {
  auto rule = rule_for(arch);
  rule.action = AUDIT_NEVER;
  for (const auto& other : others)
    if (other.arch() == rule.arch())
      for (std::size_t i = 0; i < rule.syscalls.size(); ++i) rule.syscalls[i] |= other.syscalls[i];
  rule.add(AUDIT_EXE, AUDIT_EQUAL, executable);
  return rule;
}

void add_for(std::vector<AuditRule>& rules, const Wishes& wishes, AuditArch arch) {
  auto all = rule_for(arch);
  auto successes = rule_for(arch);
  bool any = false;
  bool any_success = false;
  for (const auto& [name, call] : call_names()) {
    const auto number = linux::syscall_number(arch, name);
    if (!number) continue;
    const auto want = wishes.of(call);
    if (want == Want::all) {
      all.add_syscall(*number);
      any = true;
    } else if (want == Want::successes) {
      successes.add_syscall(*number);
      any_success = true;
    }
  }
  successes.add(AUDIT_SUCCESS, AUDIT_EQUAL, 1);
  if (any) rules.push_back(std::move(all));
  if (any_success) rules.push_back(std::move(successes));
  for (const auto& one : wishes.narrowed()) {
    const auto number = linux::syscall_number(arch, one.call);
    if (!number) continue;
    auto rule = rule_for(arch);
    rule.add_syscall(*number);
    rule.add(one.field, one.op, one.value);
    if (one.to != 0) rule.add(one.field, AUDIT_LESS_THAN_OR_EQUAL, one.to);
    rules.push_back(std::move(rule));
  }
}

std::vector<AuditArch> known_archs() {
  std::vector<AuditArch> archs;
  for (const auto arch : {linux::native_arch(), linux::compat_arch()})
    if (arch) archs.push_back(*arch);
  return archs;
}

std::vector<AuditRule> asked_rules(const AuditOptions& options, const Demand& demand) {
  std::vector<AuditRule> asked;
  const Wishes wishes(options, demand);
  for (const auto arch : known_archs()) add_for(asked, wishes, arch);
  return asked;
}

// Ours to remove: a key of its own stays beside.
void add_key(AuditRule& rule, const std::string& ours) {
  const auto key =
      std::ranges::find(rule.fields, static_cast<std::uint32_t>(AUDIT_FILTERKEY), &linux::AuditField::field);
  if (key == rule.fields.end()) return rule.add(AUDIT_FILTERKEY, AUDIT_EQUAL, ours);
  key->text = ours + '\x01' + key->text;
  key->value = static_cast<std::uint32_t>(key->text.size());
}

// Of the calls that are asked for anyhow, in this architecture. Empty: there are none.
std::optional<AuditRule> narrowed_to(const AuditRule& rule, AuditArch arch, const std::vector<AuditRule>& asked) {
  const auto number = linux::audit_arch_number(arch);
  AuditRule narrowed;
  narrowed.list = rule.list;
  narrowed.action = rule.action;
  narrowed.add(AUDIT_ARCH, AUDIT_EQUAL, number);
  for (const auto& field : rule.fields) {
    if (field.field != AUDIT_ARCH) {
      narrowed.fields.push_back(field);
    } else if ((field.value == number) != (field.op == AUDIT_EQUAL)) {
      return std::nullopt;
    }
  }
  bool any = false;
  for (const auto& other : asked) {
    if (other.arch() != number) continue;
    for (std::size_t i = 0; i < narrowed.syscalls.size(); ++i) {
      narrowed.syscalls[i] |= other.syscalls[i] & rule.syscalls[i];
      any |= narrowed.syscalls[i] != 0;
    }
  }
  return any ? std::optional(narrowed) : std::nullopt;
}

std::string why_not_pushed(const Filter& filter) {
  if (filter.rule.list != AUDIT_FILTER_EXIT) return "in the kernel it would hold for everybody's records";
  if (!filter.own.empty()) return fmt::format("audit knows no {}", name_of(filter.own.front().field));
  if (filter.limited) return "it is for some tables only";
  return {};
}

}  // namespace

std::vector<FilterRules> filter_rules(const AuditOptions& options, const Demand& demand) {
  std::vector<FilterRules> made;
  if (!demand.filters) return made;
  const auto asked = asked_rules(options, demand);
  std::string behind;  // what keeps events and is asked by the agent only
  const auto& filters = demand.filters->rules();
  for (std::size_t i = 0; i < filters.size(); ++i) {
    const auto& filter = filters[i];
    auto& one = made.emplace_back(FilterRules{.filter = i, .rules = {}, .reason = why_not_pushed(filter)});
    if (!filter.never() && !filter.rule.first) one.reason = "it takes nothing away";
    if (!options.allow_config) one.reason = "rules may not be set (audit_allow_config)";
    if (one.reason.empty() && filter.never() && !behind.empty())
      one.reason = fmt::format("it stands behind {}, which the agent decides", behind);
    if (one.reason.empty()) {
      for (const auto arch : known_archs())
        if (auto rule = narrowed_to(filter.rule, arch, asked)) one.rules.push_back(std::move(*rule));
      if (one.rules.empty()) one.reason = "no call that it is about is asked for";
    }
    for (auto& rule : one.rules) {
      add_key(rule, options.key);
      if (rule.fields.size() > linux::kMostAuditFields) one.reason = "with our key it has more than 64 fields";
    }
    if (!one.reason.empty()) one.rules.clear();
    if (!filter.never() && filter.rule.first && one.rules.empty()) behind = filter.id;
  }
  return made;
}

bool reads_titles(const AuditOptions& options, const Demand& demand) {
  const Wishes wishes(options, demand);
  constexpr std::array kOfProcesses{Call::fork, Call::clone,       Call::clone3,
                                    Call::kill, Call::thread_kill, Call::group_kill};
  auto others = demand.kinds & offered(options);
  others.reset(kKind<ProcessEvent>).reset(kKind<UserEvent>);
  return options.failed_calls || others.any() ||
         std::ranges::any_of(kOfProcesses, [&](Call call) { return wishes.of(call) != Want::nothing; });
}

Result<std::vector<AuditRule>> wanted_rules(const AuditOptions& options, const Demand& demand,
                                            const std::string& own_executable) {
  std::vector<AuditRule> rules;
  if (!options.allow_config) return rules;
  const auto asked = asked_rules(options, demand);
  const auto archs = known_archs();
  // What is evaluated at each call of every program is not there for nothing.
  if (asked.empty()) return rules;
  if (options.exclude_self && !own_executable.empty()) rules.push_back(never(archs.front(), own_executable, asked));
  for (const auto& executable : options.exclude_exe)
    for (const auto arch : archs) rules.push_back(never(arch, executable, asked));
  std::vector<AuditRule> configured;
  for (const auto& text : options.rules) {
    auto rule = TRY(linux::parse_audit_rule(text));
    rule.first = false;
    configured.push_back(std::move(rule));
  }
  std::ranges::stable_partition(configured, [](const AuditRule& rule) { return rule.action == AUDIT_NEVER; });
  rules.insert(rules.end(), configured.begin(), configured.end());
  for (auto& rule : rules) add_key(rule, options.key);
  for (const auto& filter : filter_rules(options, demand))
    rules.insert(rules.end(), filter.rules.begin(), filter.rules.end());
  const auto first_asked = rules.insert(rules.end(), asked.begin(), asked.end());
  std::for_each(first_asked, rules.end(), [&](AuditRule& rule) { add_key(rule, options.key); });
  return rules;
}

}  // namespace osprey::events::audit
