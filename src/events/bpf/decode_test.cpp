#include "events/bpf/decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include <cstring>
#include <string>

#include "events/bpf/programs/wire.h"

namespace osprey::events::bpf {
namespace {

using ::testing::ElementsAre;
using namespace std::string_literals;

// Keeps what it is told as text: the events' views do not last.
struct Told : EventSink {
  void take(AnyEvent event) override {
    std::visit([this](auto* one) { heard(*one); }, event);
  }
  void forked(const ProcessKey& parent, const ProcessKey& child) override {
    lines.push_back(std::to_string(parent.pid) + " forked " + std::to_string(child.pid));
  }
  void exited(const ProcessKey& process) override { lines.push_back(std::to_string(process.pid) + " exited"); }

  void heard(const ProcessEvent& event) {
    lines.push_back(std::string(event.syscall) + ' ' + std::string(event.actor.path));
    if (check) check(event);
  }
  void heard(const ExitEvent& event) {
    lines.push_back("exit " + std::to_string(event.exit_code) + ' ' + std::to_string(event.signal) + ' ' +
                    std::to_string(event.core_dumped) + ' ' + std::to_string(event.lifetime.value_or(0)));
  }
  void heard(const SocketEvent& event) {
    lines.push_back(std::string(event.action) + ' ' + std::to_string(event.actor.process.pid) + ' ' +
                    std::string(event.socket) + ' ' + std::to_string(event.bytes_sent.value_or(0)) + ' ' +
                    std::to_string(event.duration.value_or(0)));
  }
  void heard(const PtraceEvent& event) {
    lines.push_back(std::string(event.method) + ' ' + std::string(event.request) + ' ' +
                    std::to_string(event.target.pid) + ' ' + std::to_string(event.result));
  }
  void heard(const PrivilegeEvent& event) {
    lines.push_back(
        std::string(event.kind) + ' ' + std::to_string(event.via_suid) + ' ' +
        std::to_string(event.before.euid.value_or(0)) + ' ' + std::to_string(event.before.login_uid.value_or(0)) + ' ' +
        std::to_string(event.old_capabilities.value_or(0)) + ' ' + std::to_string(event.new_capabilities.value_or(0)));
  }
  void heard(const DnsEvent& event) {
    auto& line = lines.emplace_back(event.query);
    for (const auto answer : event.answers) line.append(" ").append(answer);
  }
  template <class Event>
  void heard(const Event&) {
    ADD_FAILURE() << Event::kFamily;
  }

  std::vector<std::string> lines;
  std::function<void(const ProcessEvent&)> check;
};

template <class Wire>
std::vector<std::byte> bytes_of(const Wire& wire, std::string_view texts = {}) {
  std::vector<std::byte> bytes(sizeof(wire) + texts.size());
  std::memcpy(bytes.data(), &wire, sizeof(wire));
  if (!texts.empty()) std::memcpy(bytes.data() + sizeof(wire), texts.data(), texts.size());
  return bytes;
}

struct Exec {
  std::string filename = "./run\0"s, path = "run\0bin\0"s, cwd, cgroup = "a.scope\0b.slice\0"s, arguments, environment;

  std::vector<std::byte> bytes(wire_exec wire = {}) const {
    wire.event.kind = WIRE_EXEC;
    std::string all;
    for (std::size_t i = 0; const auto* text : {&filename, &path, &cwd, &cgroup, &arguments, &environment}) {
      wire.lengths[i++] = static_cast<__u32>(text->size());
      all += *text;
    }
    return bytes_of(wire, all);
  }
};

TEST(BpfDecoder, AnExecHasItsTextsAndItsPathsTheRightWayRound) {
  Exec exec{.arguments = "./run\0\0a b\0\xff\0"s, .environment = "HOME=/root\0PATH=/bin\0PATHS=no\0"s};
  wire_exec wire{};
  wire.event.moment = 9;
  wire.event.actor = {.process = {.start = 5, .pid = 7, .reserved = 0},
                      .parent = {.start = 4, .pid = 1, .reserved = 0},
                      .ids = {.uid = 1000, .login_uid = WIRE_UNSET, .session = 3},
                      .tid = 8,
                      .name = "run"};
  wire.arguments_size = 12;
  wire.file.device = 8U << 20 | 1;
  Told told;
  told.check = [](const ProcessEvent& event) {
    EXPECT_EQ(event.header.moment, 9);
    EXPECT_EQ(event.actor.process, (ProcessKey{7, 5}));
    EXPECT_EQ(event.actor.parent, (ProcessKey{1, 4}));
    EXPECT_EQ(event.actor.tid, 8);
    EXPECT_EQ(event.actor.name, "run");
    EXPECT_EQ(event.actor.ids.uid, 1000);
    EXPECT_FALSE(event.actor.ids.login_uid);
    EXPECT_EQ(event.actor.ids.session, 3);
    EXPECT_EQ(event.actor.path, "/bin/run");
    EXPECT_EQ(event.actor.cgroup_path, "/b.slice/a.scope");
    EXPECT_EQ(event.cwd, "/");
    EXPECT_EQ(event.filename, "./run");
    EXPECT_EQ(event.interpreter, "");
    EXPECT_THAT(event.arguments, ElementsAre("./run", "", "a b", "\xff"));
    EXPECT_EQ(event.actor.cmdline, "./run  a b \xff");
    EXPECT_THAT(event.environment, ElementsAre("PATH=/bin"));
    EXPECT_FALSE(event.arguments_truncated);
    EXPECT_EQ(event.executable.device, 0x801);
  };
  Decoder decoder;
  Demand demand;
  demand.environment = {"PATH"};
  decoder.set(demand);
  ASSERT_TRUE(decoder.give(exec.bytes(wire), told));
  EXPECT_THAT(told.lines, ElementsAre("execve /bin/run"));
  EXPECT_EQ(decoder.newest(), 9);
}

TEST(BpfDecoder, TheWayIntoTheKernelIsToldAsAnArchitecture) {
  Decoder decoder;
  for (const auto& [flags, arch] : {std::pair(0U, "x86_64"), {WIRE_COMPAT, "i386"}, {WIRE_X32, "x32"}}) {
    Told told;
    told.check = [&](const ProcessEvent& event) { EXPECT_EQ(event.arch, arch); };
    wire_exec exec{};
    exec.event.flags = flags;
    ASSERT_TRUE(decoder.give(Exec().bytes(exec), told));
    wire_call call{};
    call.event = {.kind = WIRE_CALL, .program = 0, .flags = flags, .moment = 0, .actor = {}};
    call.call = WIRE_CALL_EXECVEAT;
    ASSERT_TRUE(decoder.give(bytes_of(call), told));
    EXPECT_THAT(told.lines, ElementsAre("execve /bin/run", "execveat "));
  }
}

TEST(BpfDecoder, WaysIntoAnotherProcess) {
  Decoder decoder;
  Told told;
  for (const auto name : {WIRE_CALL_PTRACE, WIRE_CALL_VM_READ, WIRE_CALL_VM_WRITE, WIRE_CALL_PROC_MEM}) {
    wire_call call{};
    call.event.kind = WIRE_CALL;
    call.call = name;
    call.arguments[0] = 16;
    call.target.pid = 7;
    call.result = -13;
    ASSERT_TRUE(decoder.give(bytes_of(call), told));
  }
  EXPECT_THAT(told.lines, ElementsAre("ptrace PTRACE_ATTACH 7 -13", "process_vm_readv  7 -13",
                                      "process_vm_writev  7 -13", "proc_mem  7 -13"));
}

TEST(BpfDecoder, MarksOfAnExecAreTold) {
  Told told;
  Decoder decoder;
  wire_exec wire{};
  wire.event.flags = WIRE_DELETED | WIRE_UPPER | WIRE_ARGUMENTS_CUT | WIRE_PATH_CUT | WIRE_SCRIPT | WIRE_EXECVEAT;
  wire.streams[0] = {
      .mode = 0140777, .family = 10, .port = 443, .address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 1}};
  wire.streams[1] = {.mode = 0140777, .family = 10, .port = 53, .address = {0x20, 1, 0xd, 0xb8}};
  wire.streams[2] = {.mode = 020620, .device = 136U << 20};
  told.check = [](const ProcessEvent& event) {
    EXPECT_EQ(event.executable_state, "deleted");
    EXPECT_TRUE(event.arguments_truncated);
    EXPECT_EQ(event.actor.path, ".../bin/run");
    EXPECT_EQ(event.interpreter, "./run");
    EXPECT_EQ(event.streams.at(0).peer, "10.0.0.1:443");
    EXPECT_EQ(event.streams.at(1).peer, "[2001:db8::]:53");
    EXPECT_EQ(event.streams.at(2).kind, "tty");
  };
  ASSERT_TRUE(decoder.give(Exec().bytes(wire), told));
  EXPECT_THAT(told.lines, ElementsAre("execveat .../bin/run"));
}

TEST(BpfDecoder, AnExecThatTakesRightsIsToldWithThoseBefore) {
  Demand demand;
  demand.kinds.set(kKind<ProcessEvent>).set(kKind<PrivilegeEvent>);
  Decoder decoder;
  decoder.set(demand);
  Told told;
  for (const auto& [flags, mode] : {std::pair(0U, S_ISUID),
                                    {WIRE_SECURE, S_ISUID},
                                    {WIRE_SECURE, 0U},  // a security module asks for it
                                    {WIRE_SECURE | WIRE_GAINED, 0U}}) {
    wire_exec exec{};
    exec.event.flags = flags;
    exec.event.actor.ids = {.uid = 1000, .euid = 5, .login_uid = 7};
    exec.file.mode = mode;
    exec.file.uid = 5;
    exec.before = {.uid = 1000, .euid = 1001};
    exec.old_capabilities = 1;
    exec.capabilities = 3;
    ASSERT_TRUE(decoder.give(Exec().bytes(exec), told));
  }
  constexpr auto kExec = "execve /bin/run", kTaken = "suid_exec 1 1001 7 1 3";
  EXPECT_THAT(told.lines, ElementsAre(kExec, kExec, kTaken, kExec, kExec, kTaken));
}

TEST(BpfDecoder, ForksAndExitsAreEventsOnlyWhereTheyAreWanted) {
  wire_fork fork{};
  fork.event.kind = WIRE_FORK;
  fork.parent.pid = 3;
  fork.child.pid = 4;
  fork.call = 435;
  wire_exit exit{};
  exit.event.kind = WIRE_EXIT;
  exit.event.actor.process = {.start = 10, .pid = 4, .reserved = 0};
  exit.event.moment = 15;
  exit.code = 0x80 | 11;
  Told told;
  Decoder decoder;
  EXPECT_TRUE(decoder.give(bytes_of(fork), told));
  EXPECT_TRUE(decoder.give(bytes_of(exit), told));
  Demand demand;
  demand.kinds.set(kKind<ProcessEvent>).set(kKind<ExitEvent>);
  demand.forks = true;
  decoder.set(demand);
  EXPECT_TRUE(decoder.give(bytes_of(fork), told));
  EXPECT_TRUE(decoder.give(bytes_of(exit), told));
  exit.code = 3 << 8;
  EXPECT_TRUE(decoder.give(bytes_of(exit), told));
  EXPECT_THAT(told.lines, ElementsAre("3 forked 4", "4 exited", "clone3 ", "exit 139 11 1 5", "exit 3 0 0 5"));
}

TEST(BpfDecoder, ProcessesThatRunAreTakenOneAfterTheOther) {
  wire_task task{};
  task.event.actor.process.pid = 1;
  task.path = 10;
  task.cgroup = 2;
  task.tty[0] = 't';
  auto bytes = bytes_of(task, "init\0sbin\0g\0"s);
  task.event.actor.process.pid = 2;
  task.path = task.cgroup = 0;
  const auto second = bytes_of(task);
  bytes.insert(bytes.end(), second.begin(), second.end());
  std::span<const std::byte> rest = bytes;
  Decoder decoder;
  Actor actor;
  ASSERT_TRUE(decoder.take_task(rest, actor));
  EXPECT_EQ(actor.process.pid, 1);
  EXPECT_EQ(actor.path, "/sbin/init");
  EXPECT_EQ(actor.cgroup_path, "/g");
  EXPECT_EQ(actor.tty, "t");
  ASSERT_TRUE(decoder.take_task(rest, actor));
  EXPECT_EQ(actor.process.pid, 2);
  EXPECT_EQ(actor.path, "");
  EXPECT_EQ(actor.cgroup_path, "/");
  EXPECT_FALSE(decoder.take_task(rest, actor));
}

TEST(BpfDecoder, WhatIsCutShortIsRefused) {
  Told told;
  Decoder decoder;
  const auto whole = Exec{.arguments = "x\0"s}.bytes();
  EXPECT_EQ(decoder.give(whole, told), 1);
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(decoder.give(std::span(whole).first(size), told)) << size;
  EXPECT_EQ(told.lines.size(), 1);
}

wire_socket connected(std::uint64_t cookie, std::uint32_t pid, std::uint64_t moment) {
  wire_socket wire{};
  wire.event.kind = WIRE_SOCKET;
  wire.event.moment = moment;
  wire.event.actor.process.pid = pid;
  wire.action = WIRE_CONNECT;
  wire.protocol = IPPROTO_TCP;
  wire.cookie = cookie;
  return wire;
}

wire_close closed(std::uint64_t cookie, std::uint64_t moment) {
  wire_close wire{};
  wire.socket.event.kind = WIRE_CLOSE;
  wire.socket.event.moment = moment;
  wire.socket.cookie = cookie;
  wire.sent = 12;
  return wire;
}

TEST(BpfDecoder, AClosedConnectionIsWhoOpenedItAndOthersAreNobodys) {
  Demand demand;
  demand.kinds.set(kKind<SocketEvent>);
  demand.closes = true;
  Decoder decoder;
  decoder.set(demand);
  Told told;
  EXPECT_EQ(decoder.give(bytes_of(connected(7, 100, 50)), told), 1u);
  EXPECT_EQ(decoder.give(bytes_of(closed(8, 60)), told), 0u);
  EXPECT_EQ(decoder.give(bytes_of(closed(7, 80)), told), 1u);
  EXPECT_EQ(decoder.give(bytes_of(closed(7, 90)), told), 0u);
  EXPECT_THAT(told.lines, ElementsAre("connect 100  0 0", "close 100  12 30"));
  EXPECT_EQ(decoder.unattributed(), 2u);
}

TEST(BpfDecoder, OpenConnectionsAreBoundedTheOldestOutFirst) {
  Demand demand;
  demand.kinds.set(kKind<SocketEvent>);
  demand.closes = true;
  Decoder decoder;
  decoder.set(demand);
  Told told;
  constexpr std::uint64_t kMany = 100'000;
  decoder.give(bytes_of(connected(1, 1, 1)), told);
  // Short ones do not push a long one out.
  for (std::uint64_t cookie = 2; cookie < kMany; ++cookie) {
    decoder.give(bytes_of(connected(cookie, 2, 1)), told);
    decoder.give(bytes_of(closed(cookie, 2)), told);
  }
  EXPECT_EQ(decoder.unattributed(), 0u);
  for (std::uint64_t cookie = kMany; cookie < 2 * kMany; ++cookie)
    decoder.give(bytes_of(connected(cookie, 2, 1)), told);
  EXPECT_EQ(decoder.give(bytes_of(closed(1, 2)), told), 0u);
  EXPECT_EQ(decoder.give(bytes_of(closed(2 * kMany - 1, 2)), told), 1u);
}

// A message to or from a name server, behind its length.
std::string message(char id, std::string_view flags) {
  const auto text = "\0"s + id + std::string(flags) + "\0\1\0\0\0\0\0\0\1"s + id + "\0\0\1\0\1"s;
  return "\0"s + static_cast<char>(text.size()) + text;
}

TEST(BpfDecoder, EachQuestionOfASegmentIsTold) {
  const auto segment = [](std::string_view payload, bool answer) {
    wire_dns wire{};
    wire.event.kind = WIRE_DNS;
    wire.event.moment = 5;
    wire.protocol = IPPROTO_TCP;
    wire.answer = answer;
    wire.size = static_cast<__u32>(payload.size());
    payload.copy(reinterpret_cast<char*>(wire.payload), WIRE_DNS_MOST);
    return bytes_of(wire);
  };
  Decoder decoder;
  Told told;
  const auto ask = [](char id) { return message(id, "\1\0"s); };
  EXPECT_EQ(decoder.give(segment(ask('a') + ask('b') + ask('c'), false), told), 0u);
  // Answers come as they like.
  const auto reply = [](char id) { return message(id, "\x81\x80"s); };
  EXPECT_EQ(decoder.give(segment(reply('c') + reply('a'), true), told), 2u);
  EXPECT_EQ(decoder.give_unanswered(6, told), 1u);
  EXPECT_THAT(told.lines, ElementsAre("c", "a", "b"));
  EXPECT_EQ(decoder.counts().repeated, 2u) << "of one record there were three";
  EXPECT_EQ(decoder.counts().cut, 0u);

  std::string many;
  for (int id = 1; id < 100; ++id) many += ask(static_cast<char>(id));
  EXPECT_EQ(decoder.give(segment(many, false), told), 0u);
  EXPECT_EQ(decoder.give_unanswered(6, told), WIRE_DNS_MOST / ask('a').size());
  EXPECT_EQ(decoder.counts().cut, 1u);
  EXPECT_EQ(decoder.give(segment("\0\x20zzz"s, false), told), std::nullopt);
}

TEST(BpfDecoder, NamesOfUnixSockets) {
  const auto name_of = [](std::string_view name, wire_action action = WIRE_CONNECT) {
    wire_unix wire{};
    wire.socket.event.kind = WIRE_UNIX;
    wire.socket.action = action;
    wire.size = static_cast<__u32>(name.size());
    name.copy(wire.name, sizeof(wire.name));
    Decoder decoder;
    Told told;
    EXPECT_EQ(decoder.give(bytes_of(wire), told), 1u);
    return told.lines.at(0);
  };
  EXPECT_EQ(name_of("/run/a b\0rest"s), "connect 0 /run/a b 0 0");
  EXPECT_EQ(name_of("\0x\0y"s), "connect 0 @x@y 0 0");
  EXPECT_EQ(name_of(""), "connect 0  0 0");
  EXPECT_EQ(name_of("/run/a", WIRE_ACCEPT4), "accept 0 /run/a 0 0");
}

}  // namespace
}  // namespace osprey::events::bpf
