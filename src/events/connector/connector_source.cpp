#include "events/connector/connector_source.h"

#include <linux/connector.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cerrno>
#include <ctime>
#include <memory>
#include <vector>

#include "base/clock_reading.h"
#include "base/text.h"
#include "events/enrich/process_look.h"
#include "events/enrich/process_tree.h"
#include "events/kinds/file_state.h"
#include "linux/procfs/terminal.h"

namespace osprey::events {
namespace {

constexpr std::string_view kName = "process connector";
constexpr int kBuffer = 16 << 20;  // bytes of the socket's queue
constexpr std::size_t kMessage = 512;
constexpr std::size_t kAtOnce = 64;           // messages a system call
constexpr int kPatience = 1000;               // milliseconds for the kernel's answer
constexpr std::size_t kMostCounted = 65'536;  // processes
constexpr std::size_t kArguments = 32 << 10;
constexpr std::uint64_t kTick = ProcessTree::kTick;

// What is read of a process; the event's texts are views into it.
struct Reading {
  std::string name, path, cwd, arguments, environment, tty, cgroups;
};

void take_arguments(std::string_view text, ProcessEvent& event) {
  event.arguments_size = text.size();
  event.arguments_truncated = text.size() > kArguments;
  text = text.substr(0, kArguments);
  while (!text.empty()) event.arguments.push_back(take_until(text, '\0'));
}

void take_environment(std::string_view text, const std::vector<std::string>& names, ProcessEvent& event) {
  while (!text.empty()) {
    const auto variable = take_until(text, '\0');
    const auto name = variable.substr(0, variable.find('='));
    for (const auto& wanted : names)
      if (name == wanted) event.environment.push_back(variable);
  }
}

// What the process is now; false: it has ended, or another has its pid.
bool read(const linux::Process& process, std::uint64_t moment, const std::vector<std::string>& environment,
          Reading& reading, ProcessEvent& event) {
  const auto& stat = process.stat();
  if (!stat || start_of(*stat) > moment + 2 * kTick) return false;
  reading.name = stat->name;
  reading.tty = linux::terminal_name(stat->terminal).value_or("");
  event.actor.parent.pid = stat->parent;
  event.actor.ids = credentials_of(process);
  auto executable = executable_of(process);
  if (executable.deleted) event.executable_state = executable.path.starts_with("/memfd:") ? "memfd" : "deleted";
  reading.path = std::move(executable.path);
  if (const auto facts = process.stat_target("exe")) event.executable = file_state_of(*facts);
  reading.cwd = process.link("cwd").value_or("");
  reading.arguments = process.read_at_once("cmdline", kArguments + 1).value_or("");
  take_arguments(reading.arguments, event);
  if (!environment.empty()) {
    reading.environment = process.read_at_once("environ", kArguments).value_or("");
    take_environment(reading.environment, environment, event);
  }
  reading.cgroups = process.cgroups().value_or("");
  event.actor.cgroup_path = telling_cgroup_path(reading.cgroups);
  event.actor.name = reading.name;
  event.actor.path = reading.path;
  event.actor.tty = reading.tty;
  event.cwd = reading.cwd;
  return true;
}

}  // namespace

Kinds ConnectorSource::offers() const {
  Kinds kinds;
  kinds.set(kKind<ProcessEvent>).set(kKind<ExitEvent>).set(kKind<PrivilegeEvent>);
  return kinds;
}

Result<void> ConnectorSource::open(const Demand& demand) {
  if (!socket_) {
    if (!proc_) proc_ = TRY(linux::Proc::open(root_));
    TRY(listen());
  }
  demand_ = demand;
  return {};
}

Result<void> ConnectorSource::listen() {
  const std::string name(kName);
  UniqueFd socket(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR));
  if (!socket && errno == EPROTONOSUPPORT) return failure(name, "this kernel was built without it (CONFIG_CONNECTOR)");
  if (!socket) return system_failure(name);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = CN_IDX_PROC;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return errno == EPERM ? failure(name, "needs CAP_NET_ADMIN") : system_failure(name);
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kBuffer, sizeof kBuffer) != 0)
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &kBuffer, sizeof kBuffer);
  const auto request = connector_request(true);
  if (::send(socket.get(), request.data(), request.size(), 0) < 0)
    return errno == ECONNREFUSED ? failure(name, "is served in the first network namespace only")
                                 : system_failure(name);
  const auto deadline = clock_nanoseconds(CLOCK_MONOTONIC) + kPatience * std::int64_t{1'000'000};
  for (std::array<char, kMessage> bytes; clock_nanoseconds(CLOCK_MONOTONIC) < deadline;) {
    pollfd one{.fd = socket.get(), .events = POLLIN, .revents = 0};
    if (::poll(&one, 1, kPatience) <= 0) break;
    const auto size = ::recv(socket.get(), bytes.data(), bytes.size(), 0);
    if (size < 0) continue;
    std::string_view rest(bytes.data(), static_cast<std::size_t>(size));
    const auto event = take_connector_event(rest);
    if (!event || event->kind != ConnectorEvent::Kind::answer) continue;
    if (event->error != 0) return system_failure(static_cast<int>(event->error), name);
    socket_ = std::move(socket);
    next_.clear();
    threads_.clear();
    return {};
  }
  return failure(name,
                 "the kernel does not answer: it is served in the initial user and pid namespaces only, by "
                 "kernels that have CONFIG_PROC_EVENTS");
}

void ConnectorSource::close() noexcept {
  if (!socket_) return;
  const auto request = connector_request(false);
  ::send(socket_.get(), request.data(), request.size(), 0);
  socket_.reset();
}

Result<bool> ConnectorSource::next(EventSink& sink, std::size_t most) {
  struct Slot {
    std::array<char, kMessage> bytes;
    sockaddr_nl from;
  };
  const auto slots = std::make_unique_for_overwrite<std::array<Slot, kAtOnce>>();
  std::array<iovec, kAtOnce> pieces{};
  std::array<mmsghdr, kAtOnce> messages{};
  for (std::size_t i = 0; i < kAtOnce; ++i) {
    pieces[i] = {(*slots)[i].bytes.data(), kMessage};
    messages[i].msg_hdr = {.msg_name = &(*slots)[i].from,
                           .msg_namelen = sizeof(sockaddr_nl),
                           .msg_iov = &pieces[i],
                           .msg_iovlen = 1,
                           .msg_control = nullptr,
                           .msg_controllen = 0,
                           .msg_flags = 0};
  }
  const auto monotonic = static_cast<std::uint64_t>(clock_nanoseconds(CLOCK_MONOTONIC));
  asleep_ = static_cast<std::uint64_t>(clock_difference(CLOCK_BOOTTIME, CLOCK_MONOTONIC));
  for (const auto enough = kept_ + most; kept_ < enough;) {
    const int count = ::recvmmsg(socket_.get(), messages.data(), kAtOnce, MSG_DONTWAIT, nullptr);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == ENOBUFS) continue;  // gaps in the sequences tell how many
    if (count < 0 && errno == EAGAIN) return false;
    if (count < 0) return system_failure(std::string(kName));
    for (int i = 0; i < count; ++i) {
      auto& slot = (*slots)[static_cast<std::size_t>(i)];
      messages[static_cast<std::size_t>(i)].msg_hdr.msg_namelen = sizeof(sockaddr_nl);
      if (slot.from.nl_pid != 0) continue;  // not the kernel
      std::string_view rest(slot.bytes.data(), messages[static_cast<std::size_t>(i)].msg_len);
      const auto event = take_connector_event(rest);
      if (!event || event->kind == ConnectorEvent::Kind::answer) continue;
      lag_ = monotonic > event->moment ? monotonic - event->moment : 0;
      count_gap(*event);
      take(*event, sink);
    }
    if (static_cast<std::size_t>(count) < kAtOnce) return false;
  }
  return true;
}

// Each processor numbers its events, whoever takes them.
void ConnectorSource::count_gap(const ConnectorEvent& event) {
  const auto [known, is_new] = next_.try_emplace(event.processor, event.sequence);
  const auto lost = is_new ? 0 : static_cast<std::uint32_t>(event.sequence - known->second);
  dropped_ += lost;
  if (lost > 0) threads_.clear();
  known->second = event.sequence + 1;
}

void ConnectorSource::take(const ConnectorEvent& event, EventSink& sink) {
  const auto moment = event.moment + asleep_;
  bool told = false;
  switch (event.kind) {
    case ConnectorEvent::Kind::fork:
      if (event.tid != event.pid) {
        if (const auto process = threads_.find(event.pid); process != threads_.end()) ++process->second.alive;
        break;
      }
      count_anew(event.pid);
      sink.forked({event.parent_pid, 0}, {event.pid, moment - moment % kTick});
      if (demand_.kinds.test(kKind<ProcessEvent>) && demand_.forks) told = tell_fork(event, moment, sink);
      break;
    case ConnectorEvent::Kind::exec:
      count_anew(event.pid);
      told = tell_exec(event, moment, sink);
      break;
    case ConnectorEvent::Kind::uid:
    case ConnectorEvent::Kind::gid:
      told = tell_ids(event, moment, sink);
      break;
    case ConnectorEvent::Kind::exit:
      told = tell_exit(event, moment, sink);
      break;
    case ConnectorEvent::Kind::answer:
    case ConnectorEvent::Kind::other:
      break;
  }
  ++(told ? kept_ : filtered_);
}

bool ConnectorSource::tell_fork(const ConnectorEvent& event, std::uint64_t moment, EventSink& sink) {
  ProcessEvent fork;
  fork.header.moment = moment;
  fork.actor.process.pid = event.parent_pid;
  fork.syscall = "fork";  // or one of its kin
  fork.target = {event.pid, moment - moment % kTick};
  fork.result = event.pid;
  sink.take(&fork);
  return true;
}

// Also where nobody wants to know: the tree is to know what runs.
bool ConnectorSource::tell_exec(const ConnectorEvent& event, std::uint64_t moment, EventSink& sink) {
  ProcessEvent exec;
  Reading reading;
  exec.header.moment = moment;
  exec.actor.process.pid = event.pid;
  exec.actor.tid = event.tid;
  exec.syscall = "execve";
  const linux::Process process(*proc_, static_cast<pid_t>(event.pid));
  read(process, moment, demand_.environment, reading, exec);
  sink.take(&exec);
  return true;
}

bool ConnectorSource::tell_ids(const ConnectorEvent& event, std::uint64_t moment, EventSink& sink) {
  const bool user = event.kind == ConnectorEvent::Kind::uid;
  PrivilegeEvent change;
  change.header.moment = moment;
  change.actor.process.pid = event.pid;
  change.actor.tid = event.tid;
  change.kind = user ? "setuid" : "setgid";
  (user ? change.actor.ids.uid : change.actor.ids.gid) = event.id;
  (user ? change.actor.ids.euid : change.actor.ids.egid) = event.effective_id;
  sink.take(&change);
  return true;
}

// From now on the process has one thread.
void ConnectorSource::count_anew(std::int64_t pid) {
  if (threads_.size() >= kMostCounted) threads_.clear();
  threads_.insert_or_assign(pid, Threads{});
}

bool ConnectorSource::tell_exit(const ConnectorEvent& event, std::uint64_t moment, EventSink& sink) {
  auto known = threads_.find(event.pid);
  if (known == threads_.end()) {
    if (event.tid != event.pid) return false;
    count_anew(event.pid);
    known = threads_.find(event.pid);
    known->second.counted = false;
  }
  Threads& threads = known->second;
  --threads.alive;
  if (event.tid == event.pid) threads.exit_code = event.exit_code;
  if (threads.counted ? threads.alive > 0 : !is_over(event.pid, moment)) return false;
  const auto code = static_cast<int>(threads.exit_code);
  threads_.erase(known);
  ExitEvent exit;
  exit.header.moment = moment;
  exit.actor.process.pid = event.pid;
  exit.actor.tid = event.tid;
  exit.signal = WIFSIGNALED(code) ? WTERMSIG(code) : 0;
  exit.exit_code = exit.signal != 0 ? 128 + exit.signal : WEXITSTATUS(code);
  exit.core_dumped = exit.signal != 0 && WCOREDUMP(code);
  sink.take(&exit);
  return true;
}

bool ConnectorSource::is_over(std::int64_t pid, std::uint64_t moment) const {
  const auto stat = linux::Process(*proc_, static_cast<pid_t>(pid)).stat();
  if (!stat) return true;
  if (start_of(*stat) > moment + 2 * kTick) return true;  // the pid is another's by now
  return (stat->state == 'Z' || stat->state == 'X') && stat->threads <= 1;
}

SourceCounts ConnectorSource::counts() const {
  SourceCounts counts;
  counts.kept = kept_;
  counts.filtered = filtered_;
  counts.dropped.push_back({"socket", "ENOBUFS", dropped_, true});
  counts.seen = counts.kept + *counts.filtered + counts.dropped.front().count;
  counts.lag = lag_;
  return counts;
}

}  // namespace osprey::events
