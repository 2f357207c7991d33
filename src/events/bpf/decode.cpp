#include "events/bpf/decode.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <linux/sched.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <optional>

#include "events/bpf/helpers.h"
#include "events/bpf/programs/wire.h"

namespace osprey::events::bpf {
namespace {

constexpr std::size_t kOpenMost = 16384;      // connections whose end is waited for
constexpr std::size_t kQuestionsMost = 4096;  // to name servers, that have no answer yet

// The fixed part that a record begins with.
template <class Wire>
bool read(std::span<const std::byte> record, Wire& into) {
  if (record.size() < sizeof(Wire)) return false;
  std::memcpy(&into, record.data(), sizeof(Wire));
  return true;
}

template <std::size_t N>
std::string_view text_of(const char (&text)[N]) {
  return {text, ::strnlen(text, N)};
}

std::optional<std::uint32_t> unless_unset(std::uint32_t id) {
  return id == WIRE_UNSET ? std::nullopt : std::optional(id);
}

// By wire_action.
struct ActionWords {
  std::string_view action, syscall, direction;
};
constexpr std::array<ActionWords, 7> kActions = {{{"connect", "connect", "outbound"},
                                                  {"accept", "accept", "inbound"},
                                                  {"accept", "accept4", "inbound"},
                                                  {"bind", "bind", ""},
                                                  {"listen", "listen", ""},
                                                  {"send", "", "outbound"},
                                                  {"accept", "", "inbound"}}};

ProcessKey key_of(const wire_key& key) { return {.pid = key.pid, .start = key.start}; }

Credentials credentials_of(const wire_ids& ids) {
  return {.uid = ids.uid,
          .euid = ids.euid,
          .suid = ids.suid,
          .fsuid = ids.fsuid,
          .gid = ids.gid,
          .egid = ids.egid,
          .sgid = ids.sgid,
          .fsgid = ids.fsgid,
          .login_uid = unless_unset(ids.login_uid),
          .session = unless_unset(ids.session)};
}

// `wire` outlives the actor: its name looks into it.
void fill(Actor& actor, const wire_actor& wire) {
  actor.process = key_of(wire.process);
  actor.parent = key_of(wire.parent);
  actor.tid = wire.tid;
  actor.ids = credentials_of(wire.ids);
  actor.name = text_of(wire.name);
  actor.cgroup_id = wire.cgroup_id;
}

std::uint64_t device_of(std::uint32_t kernels) { return makedev(kernels >> 20, kernels & 0xfffff); }

// The texts behind a record's fixed part, one after the other.
class Texts {
 public:
  explicit Texts(std::span<const std::byte> bytes) : rest_(reinterpret_cast<const char*>(bytes.data()), bytes.size()) {}
  std::optional<std::string_view> take(std::uint32_t size) {
    if (size > rest_.size()) return std::nullopt;
    const auto text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }

 private:
  std::string_view rest_;
};

std::string_view without_nul(std::string_view text) { return text.substr(0, text.find('\0')); }

template <class F>
void each_part(std::string_view text, F&& take) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\0'), text.size());
    take(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

// A path of components that came from the last to the first; `cut`: the first ones are missing.
void assemble(std::string& path, std::string_view components, bool cut) {
  path.clear();
  std::array<std::string_view, WIRE_COMPONENTS> parts;
  std::size_t count = 0;
  each_part(components, [&](std::string_view part) {
    if (count < parts.size()) parts[count++] = part;
  });
  if (cut) path = "...";
  while (count > 0) path.append("/").append(parts[--count]);
  if (path.empty()) path = "/";
}

// IPv4 in IPv6 as IPv4; empty: of another family.
std::string address_of(unsigned family, const __u8* bytes) {
  const bool mapped = family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(reinterpret_cast<const in6_addr*>(bytes));
  if (!mapped && family != AF_INET && family != AF_INET6) return {};
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(mapped ? AF_INET : static_cast<int>(family), bytes + (mapped ? 12 : 0), text.data(), text.size());
  return text.data();
}

std::string peer_of(const wire_stream& stream) {
  if (stream.port == 0) return {};
  const auto address = address_of(stream.family, stream.address);
  if (address.empty()) return {};
  const bool v6 = address.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", address, v6 ? "]" : "", stream.port);
}

std::optional<std::uint16_t> unless_zero(std::uint16_t port) { return port ? std::optional(port) : std::nullopt; }

std::string_view kind_of(const wire_stream& stream) {
  if (stream.mode == 0) return "none";
  const auto major = stream.device >> 20;
  switch (stream.mode & S_IFMT) {
    case S_IFREG:
      return "file";
    case S_IFDIR:
      return "directory";
    case S_IFIFO:
      return "pipe";
    case S_IFSOCK:
      return "socket";
    case S_IFBLK:
      return "block";
    case S_IFCHR:  // Documentation/admin-guide/devices.txt
      if (stream.device == (1U << 20 | 3)) return "null";
      return major == 4 || major == 5 || (major >= 136 && major <= 143) ? "tty" : "character";
    default:
      return "anonymous";
  }
}

std::string_view state_of(std::uint32_t flags) {
  if (flags & WIRE_MEMFD) return "memfd";
  if (flags & WIRE_DELETED) return "deleted";
  return flags & WIRE_UPPER ? "upper" : "";
}

// The architecture whose system calls the bpf source can name.
#if defined(__x86_64__)
constexpr std::string_view kNative = "x86_64";
constexpr std::string_view kCompat = "i386";
#elif defined(__aarch64__)
constexpr std::string_view kNative = "aarch64";
constexpr std::string_view kCompat = "arm";
#else
constexpr std::string_view kNative;
constexpr std::string_view kCompat;
#endif

std::string_view arch_of(std::uint32_t flags) {
  return flags & WIRE_COMPAT ? kCompat : flags & WIRE_X32 ? "x32" : kNative;
}

// Numbers of the calls that make processes: arch/x86/entry/syscalls.
std::string_view fork_name(std::int32_t call, bool compat) {
  if (call == (compat ? 2 : 57)) return "fork";
  if (call == (compat ? 190 : 58)) return "vfork";
  if (call == (compat ? 120 : 56)) return "clone";
  return call == 435 ? "clone3" : "";
}

std::string_view call_name(std::uint32_t call) {
  constexpr auto kNames = std::to_array<std::string_view>({"execve",
                                                           "execveat",
                                                           "ptrace",
                                                           "process_vm_readv",
                                                           "process_vm_writev",
                                                           "proc_mem",
                                                           "bpf",
                                                           "unshare",
                                                           "setns",
                                                           "clone",
                                                           "mount",
                                                           "umount",
                                                           "move_mount",
                                                           "pivot_root",
                                                           "chroot",
                                                           "setuid",
                                                           "setreuid",
                                                           "setresuid",
                                                           "setgid",
                                                           "setregid",
                                                           "setresgid",
                                                           "capset",
                                                           "init_module",
                                                           "finit_module",
                                                           "delete_module"});
  static_assert(kNames.size() == WIRE_CALLS);
  return call < kNames.size() ? kNames[call] : "";
}

// Of the requests that the program lets through.
std::string_view ptrace_name(std::uint64_t request) {
  switch (request) {
    case PTRACE_POKETEXT:
      return "PTRACE_POKETEXT";
    case PTRACE_POKEDATA:
      return "PTRACE_POKEDATA";
    case PTRACE_POKEUSER:
      return "PTRACE_POKEUSER";
    case PTRACE_SETREGS:
      return "PTRACE_SETREGS";
    case PTRACE_SETREGSET:
      return "PTRACE_SETREGSET";
    case PTRACE_ATTACH:
      return "PTRACE_ATTACH";
    case PTRACE_SEIZE:
      return "PTRACE_SEIZE";
    default:
      return "";
  }
}

// enum bpf_prog_type of linux/bpf.h.
std::string_view program_type_name(std::uint32_t type) {
  constexpr std::array<std::string_view, 33> kNames = {"unspec",
                                                       "socket_filter",
                                                       "kprobe",
                                                       "sched_cls",
                                                       "sched_act",
                                                       "tracepoint",
                                                       "xdp",
                                                       "perf_event",
                                                       "cgroup_skb",
                                                       "cgroup_sock",
                                                       "lwt_in",
                                                       "lwt_out",
                                                       "lwt_xmit",
                                                       "sock_ops",
                                                       "sk_skb",
                                                       "cgroup_device",
                                                       "sk_msg",
                                                       "raw_tracepoint",
                                                       "cgroup_sock_addr",
                                                       "lwt_seg6local",
                                                       "lirc_mode2",
                                                       "sk_reuseport",
                                                       "flow_dissector",
                                                       "cgroup_sysctl",
                                                       "raw_tracepoint_writable",
                                                       "cgroup_sockopt",
                                                       "tracing",
                                                       "struct_ops",
                                                       "ext",
                                                       "lsm",
                                                       "sk_lookup",
                                                       "syscall",
                                                       "netfilter"};
  return type < kNames.size() ? kNames[type] : "";
}

}  // namespace

bool Decoder::set(const Demand& demand) {
  environment_.clear();
  for (const auto& name : demand.environment) environment_.push_back(name + '=');
  forks_ = demand.kinds[kKind<ProcessEvent>] && demand.forks;
  exits_ = demand.kinds[kKind<ExitEvent>];
  privileges_ = demand.kinds[kKind<PrivilegeEvent>];
  closes_ = demand.kinds[kKind<SocketEvent>] && demand.closes;
  if (!closes_) {
    open_.clear();
    opened_.clear();
  }
  std::vector<WatchedCategory> categories;
  if (demand.kinds[kKind<FileEvent>])
    std::ranges::copy_if(demand.watched, std::back_inserter(categories), &WatchedCategory::accesses);
  const auto before = patterns_.bases();
  if (categories != categories_) patterns_ = WatchPatterns(categories, meaning_);
  categories_ = std::move(categories);
  return patterns_.bases() != before;
}

void Decoder::forget() {
  questions_.clear();
  asked_.clear();
  open_.clear();
  opened_.clear();
  newest_ = 0;
}

std::optional<std::size_t> Decoder::give(std::span<const std::byte> record, EventSink& sink) {
  wire_event event;
  if (!read(record, event)) return std::nullopt;
  newest_ = std::max<std::uint64_t>(newest_, event.moment);
  const auto one = [](bool given) { return given ? std::optional<std::size_t>(1) : std::nullopt; };
  switch (event.kind) {
    case WIRE_EXEC:
      return one(exec(record, sink));
    case WIRE_FORK:
      return one(fork(record, sink));
    case WIRE_EXIT:
      return one(exit(record, sink));
    case WIRE_SOCKET:
      return one(socket(record, sink));
    case WIRE_UNIX:
      return one(unix_socket(record, sink));
    case WIRE_CLOSE:
      return closed(record, sink);
    case WIRE_DNS:
      return dns(record, sink);
    case WIRE_SIGNAL:
      return one(signal(record, sink));
    case WIRE_CALL:
      return one(call(record, sink));
    case WIRE_OPEN:
      return open(record, sink);
    default:
      return std::nullopt;
  }
}

bool Decoder::exec(std::span<const std::byte> record, EventSink& sink) {
  wire_exec wire;
  if (!read(record, wire)) return false;
  Texts texts(record.subspan(sizeof(wire)));
  std::array<std::string_view, WIRE_TEXTS> text;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto taken = texts.take(wire.lengths[i]);
    if (!taken) return false;
    text[i] = *taken;
  }
  const auto flags = wire.event.flags;
  ProcessEvent event;
  event.header.moment = wire.event.moment;
  fill(event.actor, wire.event.actor);
  assemble(path_, text[WIRE_PATH], flags & WIRE_PATH_CUT);
  assemble(cwd_, text[WIRE_CWD], flags & WIRE_CWD_CUT);
  assemble(cgroup_, text[WIRE_CGROUP], false);
  event.actor.path = path_;
  event.actor.cgroup_path = cgroup_;
  event.actor.tty = text_of(wire.tty);
  event.syscall = flags & WIRE_EXECVEAT ? "execveat" : "execve";
  event.arch = arch_of(flags);
  event.filename = without_nul(text[WIRE_FILENAME]);
  if (flags & WIRE_SCRIPT) event.interpreter = event.filename;
  event.cwd = cwd_;
  cmdline_.clear();
  each_part(text[WIRE_ARGUMENTS], [&](std::string_view argument) {
    cmdline_.append(event.arguments.empty() ? "" : " ").append(argument);
    event.arguments.push_back(argument);
  });
  event.actor.cmdline = cmdline_;
  event.arguments_size = wire.arguments_size;
  event.arguments_truncated = flags & (WIRE_ARGUMENTS_CUT | WIRE_ARGUMENTS_UNREAD);
  event.environment_count = wire.variables;
  event.environment_size = wire.environment_size;
  each_part(text[WIRE_ENVIRONMENT], [&](std::string_view variable) {
    if (std::ranges::any_of(environment_, [&](const auto& name) { return variable.starts_with(name); }))
      event.environment.push_back(variable);
  });
  event.executable = {.mode = wire.file.mode,
                      .uid = wire.file.uid,
                      .gid = wire.file.gid,
                      .size = wire.file.size,
                      .atime = wire.file.atime,
                      .mtime = wire.file.mtime,
                      .ctime = wire.file.ctime,
                      .inode = wire.file.inode,
                      .device = device_of(wire.file.device)};
  event.executable_state = state_of(flags);
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    peers_[i] = peer_of(wire.streams[i]);
    event.streams.push_back({.kind = kind_of(wire.streams[i]), .peer = peers_[i]});
  }
  event.capabilities = wire.capabilities;
  event.pid_namespace = wire.pid_namespace;
  event.mount_namespace = wire.mount_namespace;
  event.network_namespace = wire.network_namespace;
  event.user_namespace = wire.user_namespace;
  sink.take(&event);
  if (privileges_) give_rights_of(wire, event.actor, sink);
  return true;
}

// A program that runs as its owner by its bit of setuid, or with capabilities that its file gives. Root has them
// without: no exec of its is WIRE_SECURE for that.
void Decoder::give_rights_of(const wire_exec& wire, const Actor& actor, EventSink& sink) {
  const auto& ids = wire.event.actor.ids;
  if (!(wire.event.flags & WIRE_SECURE)) return;
  const bool user = wire.file.mode & S_ISUID && ids.euid == wire.file.uid && ids.uid != ids.euid;
  const bool group = wire.file.mode & S_ISGID && ids.egid == wire.file.gid && ids.gid != ids.egid;
  if (!user && !group && !(wire.event.flags & WIRE_GAINED)) return;
  PrivilegeEvent event;
  event.header.moment = wire.event.moment;
  event.actor = actor;
  event.kind = "suid_exec";
  event.syscall = wire.event.flags & WIRE_EXECVEAT ? "execveat" : "execve";
  event.before = credentials_of(wire.before);
  event.before.login_uid = actor.ids.login_uid;
  event.before.session = actor.ids.session;
  event.old_capabilities = wire.old_capabilities;
  event.new_capabilities = wire.capabilities;
  event.via_suid = true;
  sink.take(&event);
}

bool Decoder::take_task(std::span<const std::byte>& records, Actor& actor) {
  if (!read(records, task_)) return false;
  Texts texts(records.subspan(sizeof(task_)));
  const auto path = texts.take(task_.path);
  const auto cgroup = texts.take(task_.cgroup);
  if (!path || !cgroup) return false;
  records = records.subspan(sizeof(task_) + path->size() + cgroup->size());
  actor = {};
  fill(actor, task_.event.actor);
  if (!path->empty()) {
    assemble(path_, *path, task_.event.flags & WIRE_PATH_CUT);
    actor.path = path_;
  }
  assemble(cgroup_, *cgroup, false);
  actor.cgroup_path = cgroup_;
  actor.tty = text_of(task_.tty);
  return true;
}

bool Decoder::fork(std::span<const std::byte> record, EventSink& sink) {
  wire_fork wire;
  if (!read(record, wire)) return false;
  if (!forks_) {
    sink.forked(key_of(wire.parent), key_of(wire.child));
    return true;
  }
  ProcessEvent event;
  event.header.moment = wire.event.moment;
  fill(event.actor, wire.event.actor);
  const bool compat = wire.event.flags & WIRE_COMPAT;
  event.syscall = fork_name(wire.call, compat);
  event.arch = arch_of(wire.event.flags);
  event.target = key_of(wire.child);
  event.result = event.target.pid;
  sink.take(&event);
  return true;
}

bool Decoder::exit(std::span<const std::byte> record, EventSink& sink) {
  wire_exit wire;
  if (!read(record, wire)) return false;
  if (!exits_) {
    sink.exited(key_of(wire.event.actor.process));
    return true;
  }
  ExitEvent event;
  event.header.moment = wire.event.moment;
  fill(event.actor, wire.event.actor);
  event.signal = wire.code & 0x7f;
  event.core_dumped = wire.code & 0x80;
  event.exit_code = event.signal ? 128 + event.signal : wire.code >> 8 & 0xff;
  event.lifetime = event.header.moment - std::min(event.header.moment, event.actor.process.start);
  event.cpu = wire.cpu;
  sink.take(&event);
  return true;
}

bool Decoder::socket(std::span<const std::byte> record, EventSink& sink) {
  wire_socket wire;
  if (!read(record, wire) || wire.action >= kActions.size()) return false;
  const auto& words = kActions[wire.action];
  SocketEvent event;
  event.header.moment = wire.event.moment;
  fill(event.actor, wire.event.actor);
  event.action = words.action;
  event.syscall = words.syscall;
  event.direction = words.direction;
  event.result = wire.result;
  if (wire.action == WIRE_ACCEPT || wire.action == WIRE_ACCEPT4) event.descriptor = wire.result;
  event.family = wire.family;
  event.type = wire.type;
  event.protocol = wire.protocol;
  event.local_port = unless_zero(wire.local_port);
  event.remote_port = unless_zero(wire.remote_port);
  const auto local = event.local_port ? address_of(wire.family, wire.local) : std::string();
  const auto remote = event.remote_port ? address_of(wire.family, wire.remote) : std::string();
  // Of a datagram's socket only the port is known here.
  if (wire.type != SOCK_DGRAM || wire.action == WIRE_BIND) event.local_address = local;
  event.remote_address = remote;
  event.cookie = wire.cookie;
  event.network_namespace = wire.network_namespace;
  if (closes_ && event.protocol == IPPROTO_TCP && event.result >= 0 && !words.direction.empty()) remember(wire);
  sink.take(&event);
  return true;
}

void Decoder::remember(const wire_socket& wire) {
  if (opened_.size() >= 2 * kOpenMost) std::erase_if(opened_, [&](auto cookie) { return !open_.contains(cookie); });
  // The oldest may stay open for ever.
  for (; open_.size() >= kOpenMost && !opened_.empty(); opened_.pop_front()) open_.erase(opened_.front());
  const bool inbound = wire.action != WIRE_CONNECT;
  if (open_.insert_or_assign(wire.cookie, Opener{wire.event.actor, wire.event.moment, inbound}).second)
    opened_.push_back(wire.cookie);
}

std::optional<std::size_t> Decoder::closed(std::span<const std::byte> record, EventSink& sink) {
  wire_close wire;
  if (!read(record, wire)) return std::nullopt;
  const auto opener = open_.extract(wire.socket.cookie);
  if (!opener) {
    ++unattributed_;
    return 0;
  }
  const auto& who = opener.mapped();
  SocketEvent event;
  event.header.moment = wire.socket.event.moment;
  fill(event.actor, who.actor);
  event.action = "close";
  event.direction = who.inbound ? "inbound" : "outbound";
  event.family = wire.socket.family;
  event.type = wire.socket.type;
  event.protocol = wire.socket.protocol;
  const auto local = address_of(wire.socket.family, wire.socket.local);
  const auto remote = address_of(wire.socket.family, wire.socket.remote);
  event.local_address = local;
  event.remote_address = remote;
  event.local_port = unless_zero(wire.socket.local_port);
  event.remote_port = unless_zero(wire.socket.remote_port);
  event.cookie = wire.socket.cookie;
  event.network_namespace = wire.socket.network_namespace;
  event.bytes_sent = wire.sent;
  event.bytes_received = wire.received;
  event.duration = event.header.moment - std::min(event.header.moment, who.moment);
  sink.take(&event);
  return 1;
}

// unix(7): a name that begins with a NUL is no path; each of its NULs is told as @, as audit's are.
bool Decoder::unix_socket(std::span<const std::byte> record, EventSink& sink) {
  wire_unix wire;
  if (!read(record, wire) || wire.socket.action >= kActions.size()) return false;
  const auto& words = kActions[wire.socket.action];
  std::string name(wire.name, std::min<std::size_t>(wire.size, sizeof(wire.name)));
  if (name.starts_with('\0'))
    std::ranges::replace(name, '\0', '@');
  else
    name.resize(std::min(name.find('\0'), name.size()));
  SocketEvent event;
  event.header.moment = wire.socket.event.moment;
  fill(event.actor, wire.socket.event.actor);
  event.action = words.action;
  event.syscall = words.syscall;
  event.direction = words.direction;
  event.result = wire.socket.result;
  if (wire.descriptor >= 0) event.descriptor = wire.descriptor;
  event.family = wire.socket.family;
  event.type = wire.socket.type;
  event.socket = name;
  event.cookie = wire.socket.cookie;
  event.network_namespace = wire.socket.network_namespace;
  sink.take(&event);
  return true;
}

std::optional<std::size_t> Decoder::dns(std::span<const std::byte> record, EventSink& sink) {
  wire_dns wire;
  if (!read(record, wire)) return std::nullopt;
  const auto payload = std::as_bytes(std::span(wire.payload)).first(std::min<std::size_t>(wire.size, WIRE_DNS_MOST));
  std::vector<DnsMessage> messages;
  if (wire.protocol == IPPROTO_TCP)
    messages = parse_dns_segment(payload, wire.bare);
  else if (auto message = parse_dns(payload))
    messages.push_back(std::move(*message));
  std::erase_if(messages, [&](const DnsMessage& message) { return message.response != (wire.answer != 0); });
  std::size_t given = 0;
  if (wire.answer) {
    for (const auto& message : messages) {
      const auto question = questions_.find({wire.cookie, message.id});
      if (question != questions_.end()) given += told(question, &message, wire.event.moment, sink);
    }
    return given;
  }
  if (messages.empty()) return std::nullopt;
  if (wire.protocol == IPPROTO_TCP && wire.size > WIRE_DNS_MOST) ++counts_.cut;
  for (const auto& message : messages) given += asked(wire, message, &message == messages.data(), sink);
  return given;
}

std::size_t Decoder::asked(const wire_dns& wire, const DnsMessage& message, bool first, EventSink& sink) {
  const Asked key{wire.cookie, message.id};
  std::size_t given = 0;
  // Asked again: the first one was in vain. Too many: the oldest is not waited for.
  if (const auto again = questions_.find(key); again != questions_.end()) given += told(again, nullptr, 0, sink);
  while (questions_.size() >= kQuestionsMost || asked_.size() >= 2 * kQuestionsMost) {
    const auto oldest = questions_.find(asked_.front().second);
    if (oldest != questions_.end() && oldest->second.wire.event.moment == asked_.front().first)
      given += told(oldest, nullptr, 0, sink);
    asked_.pop_front();
  }
  asked_.emplace_back(wire.event.moment, key);
  questions_.emplace(key, Question{.wire = wire, .query = message.query, .type = message.type, .first = first});
  return given;
}

std::size_t Decoder::give_unanswered(std::uint64_t moment, EventSink& sink) {
  std::size_t given = 0;
  for (; !asked_.empty() && asked_.front().first < moment; asked_.pop_front()) {
    const auto question = questions_.find(asked_.front().second);
    if (question != questions_.end() && question->second.wire.event.moment == asked_.front().first)
      given += told(question, nullptr, 0, sink);
  }
  return given;
}

std::size_t Decoder::told(std::map<Asked, Question>::iterator question, const DnsMessage* answer, std::uint64_t moment,
                          EventSink& sink) {
  const auto& wire = question->second.wire;
  const auto server = address_of(wire.family, wire.server);
  DnsEvent event;
  event.header.moment = wire.event.moment;
  fill(event.actor, wire.event.actor);
  event.query = question->second.query;
  event.type = question->second.type;
  event.server_address = server;
  event.server_port = 53;
  event.local_port = unless_zero(wire.local_port);
  event.protocol = wire.protocol == IPPROTO_TCP ? "tcp" : "udp";
  if (answer) {
    event.response_code = answer->code;
    event.answers.assign(answer->answers.begin(), answer->answers.end());
    event.ttl = answer->ttl;
    event.latency = moment - std::min<std::uint64_t>(moment, wire.event.moment);
  }
  sink.take(&event);
  if (!question->second.first) ++counts_.repeated;
  questions_.erase(question);
  return 1;
}

std::optional<std::size_t> Decoder::open(std::span<const std::byte> record, EventSink& sink) {
  wire_open wire;
  if (!read(record, wire)) return std::nullopt;
  const auto path = Texts(record.subspan(sizeof(wire))).take(wire.path);
  const auto slash = path ? path->rfind('/') : std::string_view::npos;
  if (slash == std::string_view::npos) return std::nullopt;
  WatchPatterns::Categories categories;
  const auto directory = patterns_.at(slash == 0 ? "/" : path->substr(0, slash));
  patterns_.match(directory, path->substr(slash + 1), categories);
  if (categories.empty()) {
    ++counts_.unwatched;
    return 0;
  }
  for (const auto category : categories) {
    FileEvent event;
    event.header.moment = wire.event.moment;
    fill(event.actor, wire.event.actor);
    event.action = FileAction::opened_for_writing;
    event.category = categories_[category].name;
    event.path = *path;
    event.file.inode = wire.inode;
    event.file.device = device_of(wire.device);
    event.file.mode = wire.mode;
    event.file.uid = wire.uid;
    event.file.gid = wire.gid;
    event.file.size = wire.file_size;
    sink.take(&event);
  }
  counts_.repeated += categories.size() - 1;
  return categories.size();
}

bool Decoder::signal(std::span<const std::byte> record, EventSink& sink) {
  wire_signal wire;
  if (!read(record, wire)) return false;
  ProcessEvent event;
  event.header.moment = wire.event.moment;
  fill(event.actor, wire.event.actor);
  event.syscall = wire.code == SI_USER ? "kill" : wire.code == SI_TKILL ? "tgkill" : "rt_sigqueueinfo";
  event.target = key_of(wire.target);
  event.signal = wire.signal;
  sink.take(&event);
  return true;
}

bool Decoder::call(std::span<const std::byte> record, EventSink& sink) {
  wire_call wire;
  if (!read(record, wire)) return false;
  Texts texts(record.subspan(sizeof(wire)));
  std::array<std::string_view, 3> text;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto taken = texts.take(wire.lengths[i]);
    if (!taken) return false;
    text[i] = *taken;
  }
  const auto begin = [&](auto& event) {
    event.header.moment = wire.event.moment;
    fill(event.actor, wire.event.actor);
    event.result = wire.result;
  };
  const auto& arguments = wire.arguments;
  switch (wire.call) {
    case WIRE_CALL_EXECVE:
    case WIRE_CALL_EXECVEAT: {
      ProcessEvent event;
      begin(event);
      event.syscall = wire.call == WIRE_CALL_EXECVE ? "execve" : "execveat";
      event.arch = arch_of(wire.event.flags);
      event.filename = without_nul(text[0]);
      assemble(cwd_, text[1], wire.event.flags & WIRE_CWD_CUT);
      event.cwd = cwd_;
      each_part(text[2], [&](std::string_view argument) { event.arguments.push_back(argument); });
      event.arguments_size = text[2].size();
      event.arguments_truncated = wire.event.flags & WIRE_ARGUMENTS_CUT;
      sink.take(&event);
      return true;
    }
    case WIRE_CALL_PTRACE:
    case WIRE_CALL_VM_READ:
    case WIRE_CALL_VM_WRITE:
    case WIRE_CALL_PROC_MEM: {
      PtraceEvent event;
      begin(event);
      if (wire.call == WIRE_CALL_PTRACE) event.request = ptrace_name(arguments[0]);
      event.method = call_name(wire.call);
      event.target = key_of(wire.target);
      event.target_uid = unless_unset(wire.target_uid);
      sink.take(&event);
      return true;
    }
    case WIRE_CALL_BPF: {
      std::string tag;
      for (const auto byte : wire.program_tag) tag += fmt::format("{:02x}", byte);
      BpfLoadEvent event;
      begin(event);
      event.action = arguments[0] == BPF_PROG_LOAD ? "load" : "attach";
      event.attach_target = without_nul(text[0]);
      if (wire.program_id != 0) {
        event.program_id = wire.program_id;
        event.program_type = program_type_name(wire.program_type);
        event.name = text_of(wire.program_name);
        event.tag = tag;
      }
      event.helpers = helpers_of(text[1]);
      sink.take(&event);
      return true;
    }
    case WIRE_CALL_UNSHARE:
    case WIRE_CALL_SETNS:
    case WIRE_CALL_CLONE:
    case WIRE_CALL_MOUNT:
    case WIRE_CALL_UMOUNT:
    case WIRE_CALL_MOVE_MOUNT:
    case WIRE_CALL_PIVOT_ROOT:
    case WIRE_CALL_CHROOT: {
      NamespaceEvent event;
      begin(event);
      event.kind = call_name(wire.call);
      if (wire.call == WIRE_CALL_UNSHARE || wire.call == WIRE_CALL_CLONE) event.types = arguments[0];
      if (wire.call == WIRE_CALL_SETNS) event.types = arguments[1];
      if (wire.call == WIRE_CALL_MOUNT) event.flags = arguments[3];
      if (wire.call == WIRE_CALL_UMOUNT) event.flags = arguments[1];
      if (wire.call == WIRE_CALL_MOVE_MOUNT) event.flags = arguments[4];
      event.target = key_of(wire.target);
      event.source_path = without_nul(text[0]);
      event.target_path = without_nul(text[1]);
      event.filesystem = without_nul(text[2]);
      sink.take(&event);
      const bool makes = wire.call == WIRE_CALL_UNSHARE || wire.call == WIRE_CALL_CLONE;
      if (privileges_ && makes && event.types & CLONE_NEWUSER) {
        PrivilegeEvent rights;
        begin(rights);
        rights.kind = "user_namespace";
        rights.syscall = event.kind;
        sink.take(&rights);
      }
      return true;
    }
    case WIRE_CALL_SETUID:
    case WIRE_CALL_SETREUID:
    case WIRE_CALL_SETRESUID:
    case WIRE_CALL_SETGID:
    case WIRE_CALL_SETREGID:
    case WIRE_CALL_SETRESGID:
    case WIRE_CALL_CAPSET: {
      PrivilegeEvent event;
      begin(event);
      event.syscall = call_name(wire.call);
      event.kind = wire.call == WIRE_CALL_CAPSET ? "capset" : wire.call >= WIRE_CALL_SETGID ? "setgid" : "setuid";
      event.before = credentials_of(wire.before);
      event.before.login_uid = event.actor.ids.login_uid;
      event.before.session = event.actor.ids.session;
      event.old_capabilities = wire.old_capabilities;
      event.new_capabilities = wire.capabilities;
      sink.take(&event);
      return true;
    }
    case WIRE_CALL_INIT_MODULE:
    case WIRE_CALL_FINIT_MODULE:
    case WIRE_CALL_DELETE_MODULE:
    case WIRE_CALLS: {
      const bool unloads = wire.module_event == WIRE_MODULE_GONE ||
                           (wire.module_event == WIRE_MODULE_CALL && wire.call == WIRE_CALL_DELETE_MODULE);
      const auto taints = wire.taints ? fmt::format("{:#x}", wire.taints) : std::string();
      KernelModuleEvent event;
      begin(event);
      event.action = unloads ? "unload" : "load";
      event.method = call_name(wire.call);
      event.name = without_nul(text[0]);
      if (!text[1].empty()) {
        assemble(path_, text[1], wire.event.flags & WIRE_PATH_CUT);
        event.path = path_;
      }
      event.parameters = without_nul(text[2]);
      event.taints = taints;
      sink.take(&event);
      return true;
    }
    default:
      return false;
  }
}

}  // namespace osprey::events::bpf
