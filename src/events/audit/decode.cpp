#include "events/audit/decode.h"

#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/net.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "linux/audit/names.h"

namespace osprey::events::audit {
namespace {

constexpr std::size_t kProctitleCap = 128;  // what the kernel records of it
constexpr std::uint64_t kNamespaceBits = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                                         CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWTIME;

std::optional<std::uint64_t> hexadecimal(std::optional<std::string_view> text) {
  return text ? parse<std::uint64_t>(*text, 16) : std::nullopt;
}

std::optional<std::uint32_t> id_in(std::string_view fields, std::string_view name) {
  const auto value = parse<std::uint32_t>(find_field(fields, name).value_or(""));
  return value && *value != UINT32_MAX ? value : std::nullopt;
}

std::int64_t number_in(std::string_view fields, std::string_view name) {
  return parse<std::int64_t>(find_field(fields, name).value_or("")).value_or(0);
}

std::string_view joined(const std::vector<std::string_view>& texts, TextArena& arena) {
  std::size_t size = 0;
  for (const auto text : texts) size += text.size() + 1;
  if (size == 0) return {};
  char* const begin = arena.allocate(size);
  char* place = begin;
  for (const auto text : texts) {
    place = std::ranges::copy(text, place).out;
    *place++ = ' ';
  }
  return {begin, size - 1};
}

struct Request {
  std::uint64_t number;
  std::string_view name;
};
constexpr Request kRequests[] = {
    {PTRACE_TRACEME, "PTRACE_TRACEME"},
    {PTRACE_PEEKTEXT, "PTRACE_PEEKTEXT"},
    {PTRACE_PEEKDATA, "PTRACE_PEEKDATA"},
    {PTRACE_PEEKUSER, "PTRACE_PEEKUSER"},
    {PTRACE_POKETEXT, "PTRACE_POKETEXT"},
    {PTRACE_POKEDATA, "PTRACE_POKEDATA"},
    {PTRACE_POKEUSER, "PTRACE_POKEUSER"},
    {PTRACE_CONT, "PTRACE_CONT"},
    {PTRACE_KILL, "PTRACE_KILL"},
    {PTRACE_SINGLESTEP, "PTRACE_SINGLESTEP"},
    {PTRACE_ATTACH, "PTRACE_ATTACH"},
    {PTRACE_DETACH, "PTRACE_DETACH"},
    {PTRACE_SYSCALL, "PTRACE_SYSCALL"},
    {PTRACE_SETOPTIONS, "PTRACE_SETOPTIONS"},
    {PTRACE_GETEVENTMSG, "PTRACE_GETEVENTMSG"},
    {PTRACE_GETREGSET, "PTRACE_GETREGSET"},
    {PTRACE_SETREGSET, "PTRACE_SETREGSET"},
    {PTRACE_SEIZE, "PTRACE_SEIZE"},
    {PTRACE_INTERRUPT, "PTRACE_INTERRUPT"},
    {PTRACE_LISTEN, "PTRACE_LISTEN"},
#ifdef PT_SETREGS
    {PTRACE_GETREGS, "PTRACE_GETREGS"},
    {PTRACE_SETREGS, "PTRACE_SETREGS"},
    {PTRACE_GETFPREGS, "PTRACE_GETFPREGS"},
    {PTRACE_SETFPREGS, "PTRACE_SETFPREGS"},
#endif
};

// SYS_* of socketcall(2), by which 32-bit x86 programs of old call.
struct SocketCall {
  std::string_view action, call;
};
std::optional<SocketCall> of_socketcall(std::uint64_t number) noexcept {
  switch (number) {
    case SYS_BIND:
      return SocketCall{"bind", "bind"};
    case SYS_CONNECT:
      return SocketCall{"connect", "connect"};
    case SYS_ACCEPT:
      return SocketCall{"accept", "accept"};
    case SYS_ACCEPT4:
      return SocketCall{"accept", "accept4"};
    default:
      return std::nullopt;
  }
}

}  // namespace

struct Decoder::Subject {
  const RecordGroup& group;
  EventSink& sink;
  CallRecord record;
  KnownCall known;
  Actor actor;
  bool told = false;

  std::int32_t argument(std::size_t i) const { return static_cast<std::int32_t>(record.arguments[i]); }
};

Kinds offered(const AuditOptions& options) {
  Kinds kinds;
  kinds[kKind<ProcessEvent>] = options.process_events;
  kinds[kKind<SocketEvent>] = options.sockets;
  kinds[kKind<ProcessFileEvent>] = options.file_events;
  kinds[kKind<UserEvent>] = options.user_events;
  kinds[kKind<MacEvent>] = options.selinux_events;
  kinds[kKind<AppArmorEvent>] = options.apparmor_events;
  kinds[kKind<SeccompEvent>] = options.seccomp_events;
  // Which no flag of osquery's knows.
  kinds[kKind<KernelModuleEvent>] = true;
  kinds[kKind<PrivilegeEvent>] = true;
  kinds[kKind<NamespaceEvent>] = true;
  kinds[kKind<PtraceEvent>] = true;
  kinds[kKind<BpfLoadEvent>] = true;
  return kinds;
}

Decoder::Decoder(AuditOptions options, std::string own_executable, Lookups lookups)
    : options_(std::move(options)), own_executable_(std::move(own_executable)), lookups_(std::move(lookups)) {}

void Decoder::demand(const Demand& demand) {
  demand_ = demand;
  kinds_ = demand.kinds & offered(options_);
  const auto meaning = options_.osquery_paths ? WatchPatterns::Meaning::osquery : WatchPatterns::Meaning::exact;
  watched_ = wants<ProcessFileEvent>() ? WatchPatterns(demand.watched, meaning) : WatchPatterns();
  if (!wants<ProcessFileEvent>()) {
    files_.reset();
  } else if (!files_) {
    files_ = std::make_unique<FileCalls>(FileCalls::Options{
        .accesses = options_.show_accesses, .partial = options_.show_partial, .watched = [this](std::string_view path) {
          return is_watched(path);
        }});
  }
}

bool Decoder::is_watched(std::string_view path) const {
  const auto slash = path.rfind('/');
  if (slash == std::string_view::npos) return false;
  WatchPatterns::Categories categories;
  watched_.match(watched_.at(path.substr(0, std::max<std::size_t>(slash, 1))), path.substr(slash + 1), categories);
  return !categories.empty();
}

Header Decoder::header(const Stamp& stamp) const noexcept {
  const auto moment = stamp.time * 1'000'000 - boot_;
  return {.origin = Origin::audit, .moment = moment > 0 ? static_cast<std::uint64_t>(moment) : 0};
}

template <class Event>
void Decoder::give(Subject& subject, Event& event) {
  event.header = header(subject.group.stamp);
  if constexpr (requires { event.actor; })
    if (event.actor.process.pid == 0) event.actor = subject.actor;
  subject.sink.take(&event);
  subject.told = true;
}

void Decoder::decode(const RecordGroup& group, EventSink& sink) {
  arena_.clear();
  Subject subject{.group = group, .sink = sink, .record = {}, .known = {}, .actor = {}, .told = false};
  const auto fields = group.first(AUDIT_SYSCALL);
  if (!fields.empty()) {
    if (auto record = parse_call(fields)) {
      subject.record = *record;
      subject.known = known_call(record->arch, record->call);
      auto& actor = subject.actor;
      actor.process.pid = record->pid;
      actor.parent.pid = record->parent;
      actor.ids = record->ids;
      actor.name = text_value(record->name, arena_);
      actor.path = text_value(record->executable, arena_);
      actor.tty = record->tty;
      const auto title = find_field(group.first(AUDIT_PROCTITLE), "proctitle");
      const auto words = title ? text_value(*title, arena_) : std::string_view();
      // What was cut off is worse than nothing: the process tree may know the whole.
      if (!words.empty() && words.size() < kProctitleCap) {
        char* line = arena_.allocate(words.size());
        std::ranges::replace_copy(words, line, '\0', ' ');
        actor.cmdline = trim_right(std::string_view(line, words.size()));
      }
    } else {
      ++damaged_;
      return;
    }
  }
  const bool excluded = options_.exclude_self && !own_executable_.empty() && subject.actor.path == own_executable_;
  if (!excluded) {
    if (!fields.empty()) call(subject);
    for (const auto& part : group.parts()) {
      const auto type = part.type;
      if (type >= AUDIT_FIRST_USER_MSG && type <= AUDIT_LAST_USER_MSG)
        user(subject, type, group.fields(part));
      else if (type >= AUDIT_AVC && type < AUDIT_FIRST_KERN_ANOM_MSG)
        security_module(subject, type, group.fields(part));
      else if (type == AUDIT_SECCOMP)
        seccomp(subject, group.fields(part));
      else if (type == AUDIT_BPF)
        bpf(subject, group.fields(part));
    }
  }
  ++(subject.told ? kept_ : filtered_);
}

void Decoder::call(Subject& subject) {
  const auto& record = subject.record;
  const bool about_sockets = subject.known.call >= Call::bind && subject.known.call <= Call::socketcall;
  const bool about_modules = subject.known.call == Call::load_module || subject.known.call == Call::unload_module;
  if (!record.success && !options_.failed_calls && !about_sockets && !about_modules) return;
  if (files_) {
    if (auto event = files_->see(subject.known, record, subject.group, arena_)) {
      event->actor = subject.actor;
      give(subject, *event);
    }
  }
  switch (subject.known.call) {
    case Call::exec:
      return exec(subject);
    case Call::fork:
    case Call::clone:
    case Call::clone3:
      return fork(subject);
    case Call::kill:
    case Call::thread_kill:
    case Call::group_kill:
      return signal(subject);
    case Call::bind:
    case Call::connect:
    case Call::accept:
    case Call::socketcall:
      return socket(subject);
    case Call::load_module:
    case Call::unload_module:
      return module(subject);
    case Call::ptrace:
    case Call::memory_read:
    case Call::memory_write:
      return trace(subject);
    case Call::mount:
    case Call::umount:
    case Call::move_mount:
    case Call::pivot_root:
    case Call::chroot:
      return mount(subject);
    case Call::unshare:
    case Call::setns:
      return namespaces(subject);
    case Call::set_user:
    case Call::set_group:
    case Call::capset:
      return rights(subject);
    default:
      return;
  }
}

void Decoder::exec(Subject& subject) {
  auto& group = subject.group;
  const auto arguments = parse_arguments(group, kArgumentsCap, arena_);
  subject.actor.cmdline = joined(arguments.texts, arena_);

  // The file that was asked for, then the program that runs it where it is a script, then the loader.
  std::array<PathRecord, 2> paths;
  std::array<std::string_view, 2> names;
  for (const auto& part : group.parts()) {
    if (part.type != AUDIT_PATH) continue;
    const auto path = parse_path(group.fields(part));
    if (path.item >= paths.size()) continue;
    paths[path.item] = path;
    names[path.item] = text_value(path.name, arena_);
  }
  // A script's arguments begin with the program, what its first line says beside, and its own name.
  const auto& texts = arguments.texts;
  const bool script = !names[1].empty() && texts.size() >= 2 && texts[0] == names[1] &&
                      (texts[1] == names[0] || (texts.size() >= 3 && texts[2] == names[0]));
  const auto capabilities = group.first(AUDIT_BPRM_FCAPS);
  const auto bits = [&](std::string_view name, std::string_view before_4_14) {
    const auto value = find_field(capabilities, name);
    return hexadecimal(value ? value : find_field(capabilities, before_4_14));
  };

  if (wants<ProcessEvent>() && demand_.execs) {
    ProcessEvent event;
    event.actor = subject.actor;
    event.syscall = subject.known.name;
    event.result = subject.record.result;
    if (subject.known.arch) event.arch = linux::name_of(*subject.known.arch);
    event.filename = names[0];
    if (script) event.interpreter = names[0];
    const auto cwd = find_field(group.first(AUDIT_CWD), "cwd");
    event.cwd = cwd ? text_value(*cwd, arena_) : std::string_view();
    event.arguments = arguments.texts;
    event.arguments_size = arguments.size;
    event.arguments_truncated = arguments.truncated;
    event.executable = paths[script ? 1 : 0].file;
    if (lookups_.complete && event.executable.inode) lookups_.complete(event.actor.path, event.executable);
    if (names[0].starts_with("memfd:") || subject.actor.path.starts_with("/memfd:"))
      event.executable_state = "memfd";
    else if (subject.actor.path.ends_with(" (deleted)"))
      event.executable_state = "deleted";
    event.capabilities = bits("pe", "new_pe");
    give(subject, event);
  }
  if (!wants<PrivilegeEvent>() || !subject.record.success) return;
  const auto& file = paths[script ? 1 : 0].file;
  const auto& ids = subject.record.ids;
  const bool changes_user = file.mode && *file.mode & S_ISUID && ids.euid != ids.uid && ids.euid == file.uid;
  const bool changes_group = file.mode && *file.mode & S_ISGID && ids.egid != ids.gid && ids.egid == file.gid;
  const auto has = [&](std::string_view name) { return hexadecimal(find_field(capabilities, name)).value_or(0); };
  const bool gains = (has("fp") | has("fi")) != 0 && (bits("pp", "new_pp").value_or(0) & ~has("old_pp")) != 0;
  if (!changes_user && !changes_group && !gains) return;
  PrivilegeEvent event;
  event.kind = "suid_exec";
  event.syscall = subject.known.name;
  event.via_suid = true;
  event.before = ids;
  if (changes_user) event.before.euid = event.before.suid = event.before.fsuid = ids.uid;
  if (changes_group) event.before.egid = event.before.sgid = event.before.fsgid = ids.gid;
  event.old_capabilities = hexadecimal(find_field(capabilities, "old_pe"));
  event.new_capabilities = bits("pe", "new_pe");
  give(subject, event);
}

void Decoder::fork(Subject& subject) {
  const auto& record = subject.record;
  const auto flags = subject.known.call == Call::clone ? record.arguments[0] : 0;
  if (flags & CLONE_THREAD) return;
  if (wants<NamespaceEvent>() && flags & kNamespaceBits) {
    NamespaceEvent event;
    event.kind = "clone";
    event.types = flags & kNamespaceBits;
    event.target.pid = record.result;
    event.result = std::min<std::int64_t>(record.result, 0);
    give(subject, event);
  }
  if (!wants<ProcessEvent>() || !demand_.forks) return;
  if (subject.known.call == Call::clone3 && record.success) {
    // Its flags stand in the caller's memory.
    const auto thread = lookups_.is_thread ? lookups_.is_thread(record.pid, record.result) : std::nullopt;
    if (!thread) ++unknown_forks_;
    if (!thread || *thread) return;
  }
  ProcessEvent event;
  event.syscall = subject.known.name;
  event.result = record.result;
  if (subject.known.arch) event.arch = linux::name_of(*subject.known.arch);
  if (record.success) event.target.pid = record.result;
  give(subject, event);
}

void Decoder::signal(Subject& subject) {
  if (!wants<ProcessEvent>() || !demand_.kills) return;
  ProcessEvent event;
  event.syscall = subject.known.name;
  event.result = subject.record.result;
  if (subject.known.arch) event.arch = linux::name_of(*subject.known.arch);
  event.signal = subject.argument(subject.known.call == Call::group_kill ? 2 : 1);
  const auto target = subject.group.first(AUDIT_OBJ_PID);
  event.target.pid = target.empty() ? subject.argument(0) : parse_target(target).pid;
  give(subject, event);
}

void Decoder::socket(Subject& subject) {
  if (!wants<SocketEvent>()) return;
  const auto& record = subject.record;
  SocketEvent event;
  event.syscall = subject.known.name;
  event.descriptor = subject.argument(0);
  if (subject.known.call == Call::socketcall) {
    const auto call = of_socketcall(record.arguments[0]);
    if (!call) return;
    event.action = call->action;
    event.syscall = call->call;
    // The call's own arguments stand in a record of theirs.
    event.descriptor.reset();
    const auto descriptor = hexadecimal(find_field(subject.group.first(AUDIT_SOCKETCALL), "a0"));
    if (descriptor) event.descriptor = static_cast<std::int32_t>(*descriptor);
  } else {
    event.action = subject.known.call == Call::bind      ? "bind"
                   : subject.known.call == Call::connect ? "connect"
                                                         : "accept";
  }
  event.result = record.result;
  const bool accepts = event.action == "accept";
  if (accepts && !options_.accept_socket_events) return;
  if (!record.success) {
    const bool in_progress = event.action == "connect" && record.result == -EINPROGRESS;
    const bool nobody = accepts && record.result == -EAGAIN;
    if (!in_progress && !(nobody && options_.null_accept_socket_events) && !options_.failed_socket_events) return;
    if (nobody && !options_.null_accept_socket_events) return;
  }
  const auto address = find_field(subject.group.first(AUDIT_SOCKADDR), "saddr");
  const auto bytes = address ? bytes_value(*address, arena_).value_or("") : std::string_view();
  const auto name = parse_socket_name(bytes, arena_);
  if (name.family == AF_NETLINK || (name.family == AF_UNIX && !options_.unix_sockets)) return;
  // An accept(2) whose caller did not want to know who it is.
  if (name.family < 0 && !accepts) return;
  event.family = std::max(name.family, 0);
  event.socket = name.path;
  const auto port =
      name.port && *name.port <= UINT16_MAX ? std::optional(static_cast<std::uint16_t>(*name.port)) : std::nullopt;
  const bool internet = name.family == AF_INET || name.family == AF_INET6;
  const auto local_side = [&](std::optional<std::int64_t> descriptor) -> std::optional<Lookups::Local> {
    if (!internet || !port || !descriptor || !lookups_.local_side) return std::nullopt;
    if (!record.success && record.result != -EINPROGRESS) return std::nullopt;
    return lookups_.local_side(record.pid, *descriptor, name.family, name.address, *port, arena_);
  };
  const auto tell_protocol = [&](const Lookups::Local& local) {
    event.local_is_best_effort = true;
    event.protocol = local.protocol;
    event.type = local.protocol == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM;
  };
  if (event.action == "bind") {
    event.local_address = name.address;
    event.local_port = port;
    // The kernel chose one.
    if (port == 0)
      if (const auto local = local_side(event.descriptor)) {
        event.local_port = local->port;
        tell_protocol(*local);
      }
  } else {
    event.remote_address = name.address;
    event.remote_port = port;
    event.direction = accepts ? "inbound" : "outbound";
    if (const auto local = local_side(accepts ? std::optional(record.result) : event.descriptor)) {
      event.local_address = local->address;
      event.local_port = local->port;
      tell_protocol(*local);
    }
  }
  give(subject, event);
}

void Decoder::module(Subject& subject) {
  if (!wants<KernelModuleEvent>()) return;
  KernelModuleEvent event;
  const bool loads = subject.known.call == Call::load_module;
  event.action = loads ? "load" : "unload";
  event.method = subject.known.name;
  event.result = subject.record.result;
  const auto name = find_field(subject.group.first(AUDIT_KERN_MODULE), "name");
  event.name = name ? text_value(*name, arena_) : std::string_view();
  if (event.method == "finit_module" && lookups_.descriptor_path)
    event.path = lookups_.descriptor_path(subject.record.pid, subject.argument(0), arena_);
  give(subject, event);
}

void Decoder::trace(Subject& subject) {
  if (!wants<PtraceEvent>()) return;
  PtraceEvent event;
  event.method = subject.known.name;
  event.result = std::min<std::int64_t>(subject.record.result, 0);
  event.target.pid = subject.argument(subject.known.call == Call::ptrace ? 1 : 0);
  if (subject.known.call == Call::ptrace) {
    const auto found = std::ranges::find(kRequests, subject.record.arguments[0], &Request::number);
    event.request =
        found == std::end(kRequests) ? arena_.keep(std::to_string(subject.record.arguments[0])) : found->name;
  }
  if (const auto target = subject.group.first(AUDIT_OBJ_PID); !target.empty()) {
    const auto read = parse_target(target);
    event.target.pid = read.pid;
    event.target_uid = read.uid;
  }
  give(subject, event);
}

void Decoder::mount(Subject& subject) {
  if (!wants<NamespaceEvent>()) return;
  NamespaceEvent event;
  switch (subject.known.call) {
    case Call::mount:
      event.kind = "mount";
      event.flags = subject.record.arguments[3];
      break;
    case Call::umount:
      event.kind = "umount";
      event.flags = subject.record.arguments[1];
      break;
    default:
      event.kind = subject.known.name;
  }
  event.result = subject.record.result;
  std::array<std::string_view, 2> names;
  for (const auto& part : subject.group.parts()) {
    if (part.type != AUDIT_PATH) continue;
    const auto path = parse_path(subject.group.fields(part));
    if (path.item < names.size()) names[path.item] = text_value(path.name, arena_);
  }
  // mount(2) looks its target up first, move_mount(2) and pivot_root(2) take their arguments in order.
  const bool target_first = subject.known.call != Call::move_mount;
  event.target_path = names[target_first || names[1].empty() ? 0 : 1];
  event.source_path = names[target_first ? 1 : 0];
  if (subject.known.call == Call::umount || subject.known.call == Call::chroot) event.source_path = {};
  give(subject, event);
}

void Decoder::namespaces(Subject& subject) {
  const bool unshares = subject.known.call == Call::unshare;
  const auto types = subject.record.arguments[unshares ? 0 : 1] & kNamespaceBits;
  if (wants<NamespaceEvent>()) {
    NamespaceEvent event;
    event.kind = subject.known.name;
    event.types = types;
    event.result = subject.record.result;
    give(subject, event);
  }
  if (unshares && types & CLONE_NEWUSER && wants<PrivilegeEvent>()) {
    PrivilegeEvent event;
    event.kind = "user_namespace";
    event.syscall = subject.known.name;
    event.result = subject.record.result;
    give(subject, event);
  }
}

void Decoder::rights(Subject& subject) {
  if (!wants<PrivilegeEvent>()) return;
  PrivilegeEvent event;
  event.kind = subject.known.call == Call::set_user    ? "setuid"
               : subject.known.call == Call::set_group ? "setgid"
                                                       : "capset";
  event.syscall = subject.known.name;
  event.result = subject.record.result;
  if (subject.known.call == Call::capset)
    event.new_capabilities = hexadecimal(find_field(subject.group.first(AUDIT_CAPSET), "cap_pe"));
  give(subject, event);
}

void Decoder::bpf(Subject& subject, std::string_view fields) {
  if (!wants<BpfLoadEvent>()) return;
  BpfLoadEvent event;
  event.program_id = parse<std::uint32_t>(find_field(fields, "prog-id").value_or("")).value_or(0);
  const auto op = find_field(fields, "op").value_or("");
  event.action = op == "LOAD" ? "load" : op == "UNLOAD" ? "unload" : op;
  give(subject, event);
}

void Decoder::user(Subject& subject, std::uint16_t type, std::string_view fields) {
  if (!wants<UserEvent>()) return;
  UserEvent event;
  event.type = type;
  event.actor.process.pid = number_in(fields, "pid");
  event.actor.ids.uid = id_in(fields, "uid");
  event.actor.ids.login_uid = id_in(fields, "auid");
  event.actor.ids.session = id_in(fields, "ses");
  const auto message = find_field(fields, "msg");
  auto text = message ? *message : fields;
  if (text.starts_with('\'')) {
    text.remove_prefix(1);
    if (text.ends_with('\'')) text.remove_suffix(1);
  }
  event.message = text;
  const auto inner = [&](std::string_view name) {
    const auto value = find_field(text, name);
    return value ? text_value(*value, arena_) : std::string_view();
  };
  event.actor.path = inner("exe");
  // Written as they are: an address may look like hexadecimal digits.
  const auto plain = [&](std::string_view name) {
    const auto value = find_field(text, name).value_or("");
    return value == "?" ? std::string_view() : value;
  };
  event.address = plain("addr");
  event.terminal = plain("terminal");
  give(subject, event);
}

void Decoder::security_module(Subject& subject, std::uint16_t type, std::string_view fields) {
  const auto verdict = find_field(fields, "apparmor");
  if (!verdict) {
    if (!wants<MacEvent>() || (type >= 1500 && type < 1600)) return;
    MacEvent event;
    const auto name = linux::record_type_name(type);
    event.type = name.empty() ? arena_.keep(std::to_string(type)) : name;
    event.message = fields;
    give(subject, event);
    return;
  }
  if (!wants<AppArmorEvent>()) return;
  AppArmorEvent event;
  const auto text = [&](std::string_view name) {
    const auto value = find_field(fields, name);
    return value ? text_value(*value, arena_) : std::string_view();
  };
  event.actor = subject.actor;
  event.actor.process.pid = number_in(fields, "pid");
  event.actor.name = text("comm");
  if (const auto parent = number_in(fields, "parent")) event.actor.parent.pid = parent;
  const auto name = linux::record_type_name(type);
  event.type = name.empty() ? arena_.keep(std::to_string(type)) : name;
  event.message = fields;
  event.verdict = text_value(*verdict, arena_);
  event.operation = text("operation");
  event.profile = text("profile");
  event.name = text("name");
  event.denied_mask = text("denied_mask");
  event.requested_mask = text("requested_mask");
  event.capname = text("capname");
  event.info = text("info");
  event.error = find_field(fields, "error").value_or("");
  event.name_space = text("namespace");
  event.label = text("label");
  event.fsuid = id_in(fields, "fsuid");
  event.ouid = id_in(fields, "ouid");
  event.capability = parse<std::int64_t>(find_field(fields, "capability").value_or(""));
  give(subject, event);
}

void Decoder::seccomp(Subject& subject, std::string_view fields) {
  if (!wants<SeccompEvent>()) return;
  SeccompEvent event;
  event.actor = subject.actor;
  event.actor.process.pid = number_in(fields, "pid");
  event.actor.ids.login_uid = id_in(fields, "auid");
  event.actor.ids.session = id_in(fields, "ses");
  event.actor.ids.uid = id_in(fields, "uid");
  event.actor.ids.gid = id_in(fields, "gid");
  const auto text = [&](std::string_view name) {
    const auto value = find_field(fields, name);
    return value ? text_value(*value, arena_) : std::string_view();
  };
  event.actor.name = text("comm");
  event.actor.path = text("exe");
  event.signal = number_in(fields, "sig");
  event.arch = find_field(fields, "arch").value_or("");
  event.syscall = number_in(fields, "syscall");
  event.compat = number_in(fields, "compat");
  event.ip = find_field(fields, "ip").value_or("");
  event.code = find_field(fields, "code").value_or("");
  give(subject, event);
}

}  // namespace osprey::events::audit
