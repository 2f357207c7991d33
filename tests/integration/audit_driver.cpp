// audit_driver [--OPTION[=VALUE]…] KIND…: the audit source by itself, until SIGTERM.
//
// Writes {"ready": MODE} once it captures, then an event a line in JSON, texts as hexadecimal bytes, at last its
// counters. KIND is execs, forks, kills, sockets, files, users, modules, privileges, namespaces, ptrace, bpf, selinux,
// apparmor or seccomp. Options: mode, key, state, log, watch, rule, exclude_exe, failed, unix, null_accept, accesses,
// partial, read_only, self, quiet (events are counted only), limit (of the kernel's backlog).
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>

#include <atomic>
#include <csignal>
#include <iostream>
#include <span>

#include "base/json.h"
#include "base/text.h"
#include "events/audit/audit_source.h"

namespace {

using namespace osprey;
using namespace osprey::events;

std::atomic<bool> ordered_to_stop = false;

// The fields of an event that tests ask for.
class Line {
 public:
  explicit Line(std::string_view kind) : text_(fmt::format("{{\"kind\": \"{}\"", kind)) {}
  Line& number(std::string_view name, std::int64_t value) {
    text_ += fmt::format(", \"{}\": {}", name, value);
    return *this;
  }
  template <class T>
  Line& maybe(std::string_view name, const std::optional<T>& value) {
    return value ? number(name, static_cast<std::int64_t>(*value)) : *this;
  }
  Line& bytes(std::string_view name, std::string_view value) {
    text_ += fmt::format(", \"{}\": \"{}\"", name, hex(value));
    return *this;
  }
  Line& list(std::string_view name, const std::vector<std::string_view>& values) {
    text_ += fmt::format(", \"{}\": [", name);
    for (std::size_t i = 0; i < values.size(); ++i) text_ += fmt::format("{}\"{}\"", i ? ", " : "", hex(values[i]));
    text_ += ']';
    return *this;
  }
  Line& actor(const Actor& actor) {
    return number("pid", actor.process.pid)
        .number("parent", actor.parent.pid)
        .maybe("uid", actor.ids.uid)
        .maybe("euid", actor.ids.euid)
        .maybe("gid", actor.ids.gid)
        .maybe("login_uid", actor.ids.login_uid)
        .bytes("path", actor.path)
        .bytes("name", actor.name)
        .bytes("cmdline", actor.cmdline);
  }
  void print() { std::cout << text_ << "}\n"; }

 private:
  std::string text_;
};

class Printer final : public EventSink {
 public:
  explicit Printer(bool quiet) : quiet_(quiet) {}
  void take(AnyEvent event) override {
    ++taken_;
    if (!quiet_) std::visit([this](auto* one) { print(*one); }, event);
  }
  void forked(const ProcessKey&, const ProcessKey&) override {}
  void exited(const ProcessKey&) override {}
  std::uint64_t taken() const noexcept { return taken_; }

 private:
  template <class Event>
  void print(const Event& event) {
    Line line(Event::kFamily);
    if constexpr (requires { event.actor; }) line.actor(event.actor);
    line.number("moment", static_cast<std::int64_t>(event.header.moment));
    if constexpr (requires { event.result; }) line.number("result", event.result);
    if constexpr (requires { event.syscall.data(); }) line.bytes("syscall", event.syscall);
    say(line, event);
    line.print();
  }
  static void say(Line& line, const ProcessEvent& event) {
    line.bytes("arch", event.arch)
        .bytes("filename", event.filename)
        .bytes("interpreter", event.interpreter)
        .bytes("cwd", event.cwd)
        .bytes("state", event.executable_state)
        .list("arguments", event.arguments)
        .number("arguments_size", static_cast<std::int64_t>(event.arguments_size))
        .number("truncated", event.arguments_truncated)
        .maybe("inode", event.executable.inode)
        .maybe("mode", event.executable.mode)
        .maybe("mtime", event.executable.mtime)
        .maybe("size", event.executable.size)
        .number("target", event.target.pid)
        .number("signal", event.signal);
  }
  static void say(Line& line, const SocketEvent& event) {
    line.bytes("action", event.action)
        .number("family", event.family)
        .number("protocol", event.protocol)
        .maybe("descriptor", event.descriptor)
        .bytes("local", event.local_address)
        .bytes("remote", event.remote_address)
        .maybe("local_port", event.local_port)
        .maybe("remote_port", event.remote_port)
        .number("best_effort", event.local_is_best_effort)
        .bytes("socket", event.socket);
  }
  static void say(Line& line, const ProcessFileEvent& event) {
    line.bytes("operation", event.operation)
        .bytes("cwd", event.cwd)
        .bytes("file", event.path)
        .bytes("destination", event.destination)
        .number("partial", event.partial);
  }
  static void say(Line& line, const UserEvent& event) {
    line.number("type", event.type)
        .bytes("message", event.message)
        .bytes("address", event.address)
        .bytes("terminal", event.terminal);
  }
  static void say(Line& line, const NamespaceEvent& event) {
    line.bytes("action", event.kind)
        .number("types", static_cast<std::int64_t>(event.types))
        .bytes("source", event.source_path)
        .bytes("target", event.target_path);
  }
  static void say(Line& line, const PrivilegeEvent& event) {
    line.bytes("action", event.kind).maybe("before", event.before.euid).number("via_suid", event.via_suid);
  }
  static void say(Line& line, const PtraceEvent& event) {
    line.bytes("request", event.request).bytes("method", event.method).number("target", event.target.pid);
  }
  static void say(Line& line, const BpfLoadEvent& event) {
    line.bytes("action", event.action).number("program", event.program_id);
  }
  static void say(Line& line, const SeccompEvent& event) {
    line.number("signal", event.signal)
        .number("call", event.syscall)
        .bytes("arch", event.arch)
        .bytes("code", event.code);
  }
  static void say(Line& line, const KernelModuleEvent& event) {
    line.bytes("action", event.action).bytes("module", event.name);
  }
  template <class Event>
  static void say(Line&, const Event&) {}

  const bool quiet_;
  std::uint64_t taken_ = 0;
};

[[noreturn]] void leave(const std::string& why) {
  std::cerr << "audit_driver: " << why << '\n';
  std::_Exit(1);
}

struct Orders {
  audit::AuditOptions options;
  Demand demand;
  bool quiet = false;
};

Orders orders_of(std::span<char*> arguments) {
  Orders orders;
  auto& options = orders.options;
  auto& demand = orders.demand;
  options.allow_config = options.fork_process_events = options.kill_process_events = options.sockets = true;
  options.file_events = options.selinux_events = options.apparmor_events = options.seccomp_events = true;
  options.key = "osprey-test";
  for (std::string_view argument : arguments) {
    if (argument.starts_with("--")) {
      argument.remove_prefix(2);
      const auto name = take_until(argument, '=');
      const std::string value(argument);
      if (name == "mode")
        options.mode = value == "unicast"      ? audit::Mode::unicast
                       : value == "multicast"  ? audit::Mode::multicast
                       : value == "dispatcher" ? audit::Mode::dispatcher
                       : value == "log"        ? audit::Mode::log
                                               : audit::Mode::automatic;
      else if (name == "key")
        options.key = value;
      else if (name == "state")
        options.state_path = value;
      else if (name == "log")
        options.log_path = value;
      else if (name == "dispatcher")
        options.dispatcher_path = value;
      else if (name == "watch")
        demand.watched.push_back({"test", {value}, {}, false});
      else if (name == "rule")
        options.rules.push_back(value);
      else if (name == "exclude_exe")
        options.exclude_exe.push_back(value);
      else if (name == "limit")
        options.backlog_limit = parse<std::uint32_t>(value).value_or(4096);
      else if (name == "failed")
        options.failed_calls = options.failed_socket_events = true;
      else if (name == "null_accept")
        options.null_accept_socket_events = true;
      else if (name == "unix")
        options.unix_sockets = true;
      else if (name == "accesses")
        options.show_accesses = true;
      else if (name == "partial")
        options.show_partial = true;
      else if (name == "read_only")
        options.allow_config = false;
      else if (name == "quiet")
        orders.quiet = true;
      else
        leave(fmt::format("no such option: {}", name));
      continue;
    }
    const auto want = [&]<class Event>(std::string_view kind, bool also, const Event*) {
      if (argument != kind || !also) return;
      demand.kinds.set(kKind<Event>);
    };
    demand.execs |= argument == "execs";
    demand.forks |= argument == "forks";
    demand.kills |= argument == "kills";
    for (const auto kind : {"execs", "forks", "kills"}) want(kind, true, static_cast<ProcessEvent*>(nullptr));
    want("sockets", true, static_cast<SocketEvent*>(nullptr));
    want("files", true, static_cast<ProcessFileEvent*>(nullptr));
    want("users", true, static_cast<UserEvent*>(nullptr));
    want("modules", true, static_cast<KernelModuleEvent*>(nullptr));
    want("privileges", true, static_cast<PrivilegeEvent*>(nullptr));
    want("namespaces", true, static_cast<NamespaceEvent*>(nullptr));
    want("ptrace", true, static_cast<PtraceEvent*>(nullptr));
    want("bpf", true, static_cast<BpfLoadEvent*>(nullptr));
    want("selinux", true, static_cast<MacEvent*>(nullptr));
    want("apparmor", true, static_cast<AppArmorEvent*>(nullptr));
    want("seccomp", true, static_cast<SeccompEvent*>(nullptr));
  }
  return orders;
}

double cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

}  // namespace

int main(int argc, char** argv) {
  auto orders = orders_of(std::span(argv, static_cast<std::size_t>(argc)).subspan(1));
  struct sigaction action{};
  action.sa_handler = [](int) { ordered_to_stop = true; };
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);

  audit::AuditSource source(orders.options);
  if (auto opened = source.open(orders.demand); !opened) leave(opened.error().text());
  std::cout << fmt::format("{{\"ready\": \"{}\"}}", source.mode()) << std::endl;
  for (const auto& rule : source.rules())
    if (!rule.installed) std::cerr << rule.text << ": " << rule.reason << '\n';

  Printer printer(orders.quiet);
  // What was there when the order came is told too.
  for (int rounds_left = 3; rounds_left > 0; rounds_left -= ordered_to_stop ? 1 : 0) {
    pollfd one{source.descriptor(), POLLIN, 0};
    ::poll(&one, 1, 100);
    for (;;) {
      auto more = source.next(printer, 1000);
      if (!more) leave(more.error().text());
      if (!*more) break;
    }
    std::cout.flush();
  }
  const auto counts = source.counts();
  const auto mode = source.mode();
  source.close();
  std::string drops;
  for (const auto& drop : counts.dropped) {
    drops += drops.empty() ? "" : ", ";
    append_json_string(drops, drop.stage + ": " + drop.reason);
    drops += fmt::format(": {}", drop.count);
  }
  std::cout << fmt::format(
      "{{\"mode\": \"{}\", \"kept\": {}, \"filtered\": {}, \"taken\": {}, \"cpu\": {}, \"dropped\": {{{}}}}}\n", mode,
      counts.kept, counts.filtered.value_or(0), printer.taken(), cpu_seconds(), drops);
}
