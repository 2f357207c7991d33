// What the recordings of tests/events/audit say, and records that this kernel does not write.
#include "events/audit/decode.h"

#include <linux/audit.h>
#include <linux/sched.h>
#include <sys/socket.h>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cerrno>
#include <tuple>

#include "events/audit/testing.h"

namespace osprey::events::audit {
namespace {

using testing::all_options;
using testing::everything;
using testing::replayed;
using testing::told;
using Texts = std::vector<std::string_view>;

std::vector<ProcessEvent> execs_of(const std::vector<ProcessEvent>& events) {
  std::vector<ProcessEvent> execs;
  for (const auto& event : events)
    if (event.syscall.starts_with("execve")) execs.push_back(event);
  return execs;
}

// EVT-01
TEST(AuditDecode, ArgumentsAreWholeWhateverIsInThem) {
  const auto sink = replayed("executions.txt");
  const auto execs = execs_of(sink.all<ProcessEvent>());
  ASSERT_GE(execs.size(), 8U);
  EXPECT_EQ(execs[0].arguments, Texts{"/bin/true"});
  EXPECT_EQ(execs[0].arguments_size, 10U);
  EXPECT_EQ(execs[0].filename, "/bin/true");
  EXPECT_EQ(execs[0].actor.path, "/usr/bin/true");
  EXPECT_EQ(execs[0].cwd, "/tmp");
  EXPECT_EQ(execs[0].arch, "x86_64");
  EXPECT_EQ(execs[0].actor.ids.uid, 4242U);
  EXPECT_FALSE(execs[0].actor.ids.login_uid);
  EXPECT_EQ(execs[0].executable.mode, 0100755U);
  EXPECT_EQ(execs[0].executable.uid, 0U);
  EXPECT_TRUE(execs[0].executable.inode);
  EXPECT_EQ(execs[0].header.origin, Origin::audit);
  EXPECT_EQ(execs[1].arguments,
            (Texts{"a b", "quote\"d", "new\nline", "", "\xFF\xFE\x80", "späße", "(null)", "?", "6162"}));
  EXPECT_EQ(execs[1].actor.cmdline, "a b quote\"d new\nline  \xFF\xFE\x80 späße (null) ? 6162");
}

TEST(AuditDecode, ArgumentsAreInTheOrderOfTheirNumbers) {
  const auto sink = replayed("executions.txt");
  const auto thirty = execs_of(sink.all<ProcessEvent>()).at(2);
  ASSERT_EQ(thirty.arguments.size(), 31U);
  for (int i = 0; i < 30; ++i)
    EXPECT_EQ(thirty.arguments[static_cast<std::size_t>(i) + 1], "argument-" + std::to_string(i));
}

TEST(AuditDecode, ArgumentsOverManyRecordsAreJoinedAndCutAtTheCap) {
  const auto sink = replayed("executions.txt");
  const auto execs = execs_of(sink.all<ProcessEvent>());
  const auto& spread = execs.at(3);
  ASSERT_EQ(spread.arguments.size(), 22U);
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(spread.arguments[static_cast<std::size_t>(i) + 1], std::string(900, 'x') + std::to_string(i));
  EXPECT_EQ(spread.arguments[21], "last");
  EXPECT_FALSE(spread.arguments_truncated);

  const auto& cut = execs.at(4);
  EXPECT_TRUE(cut.arguments_truncated);
  EXPECT_EQ(cut.arguments_size, 10U + 20001U + 18001U);
  ASSERT_EQ(cut.arguments.size(), 3U);
  EXPECT_EQ(cut.arguments[1], std::string(20000, 'y'));
  EXPECT_EQ(cut.arguments[2].substr(0, 4), "z\nz\n");
  EXPECT_EQ(10 + 20001 + cut.arguments[2].size(), kArgumentsCap);
}

TEST(AuditDecode, AScriptHasItsInterpreterAndAMemfdIsMarked) {
  const auto sink = replayed("executions.txt");
  const auto execs = execs_of(sink.all<ProcessEvent>());
  const auto& script = execs.at(5);
  EXPECT_EQ(script.filename, "./script.sh");
  EXPECT_EQ(script.interpreter, "./script.sh");
  EXPECT_EQ(script.actor.path, "/usr/bin/dash");
  EXPECT_EQ(script.arguments, (Texts{"/bin/sh", "-e", "./script.sh", "one"}));
  EXPECT_TRUE(script.cwd.starts_with("/tmp/osprey recording "));
  const auto& memory = execs.back();
  EXPECT_EQ(memory.arguments, Texts{"from memory"});
  EXPECT_EQ(memory.executable_state, "memfd");
}

TEST(AuditDecode, FailedCallsAreTheirsWhoWantThem) {
  for (const auto& event : replayed("executions.txt").all<ProcessEvent>()) EXPECT_EQ(event.result, 0);
  auto options = all_options();
  options.failed_calls = true;
  std::vector<std::int64_t> failures;
  for (const auto& event : replayed("executions.txt", options).all<ProcessEvent>())
    if (event.result < 0) failures.push_back(event.result);
  // Those before the last are of the script's shell too, which looks for its program along PATH.
  ASSERT_GE(failures.size(), 2U);
  EXPECT_EQ(failures.back(), -EACCES);
  failures.pop_back();
  for (const auto failure : failures) EXPECT_EQ(failure, -ENOENT);
}

// EVT-41
TEST(AuditDecode, SocketsOfEveryFamilyAndEveryOutcome) {
  auto options = all_options();
  options.failed_socket_events = options.null_accept_socket_events = true;
  const auto sink = replayed("sockets.txt", options);
  struct Expected {
    std::string_view action;
    std::int64_t family, result;
    std::string_view address;
    std::optional<std::uint16_t> port;
    std::string_view path;
  };
  const std::vector<Expected> expected = {
      {"bind", AF_INET, 0, "127.0.0.1", 45671, ""},
      {"connect", AF_INET, 0, "127.0.0.1", 45671, ""},
      {"accept", AF_INET, 4, "127.0.0.1", std::nullopt, ""},
      {"connect", AF_INET, -EINPROGRESS, "127.0.0.1", 45671, ""},
      {"accept", AF_INET, 4, "127.0.0.1", std::nullopt, ""},
      {"accept", 0, -EAGAIN, "", std::nullopt, ""},
      {"connect", AF_INET, -ECONNREFUSED, "127.0.0.1", 9, ""},
      {"connect", AF_INET, 0, "127.0.0.53", 53, ""},
      {"connect", AF_INET6, 0, "::1", 53, ""},
      {"connect", AF_INET6, 0, "127.0.0.2", 5353, ""},
      {"connect", AF_UNIX, -ENOENT, "", std::nullopt, "/tmp/no such socket"},
      {"bind", AF_UNIX, 0, "", std::nullopt, "@an@abstract name"},
      {"bind", AF_VSOCK, 0, "4294967295", 45672, ""},
  };
  const auto events = sink.all<SocketEvent>();
  ASSERT_EQ(events.size(), expected.size());
  for (std::size_t i = 0; i < events.size(); ++i) {
    const auto& event = events[i];
    SCOPED_TRACE(i);
    EXPECT_EQ(event.action, expected[i].action);
    EXPECT_EQ(event.family, expected[i].family);
    EXPECT_EQ(event.result, expected[i].result);
    const bool binds = event.action == "bind";
    EXPECT_EQ(binds ? event.local_address : event.remote_address, expected[i].address);
    // Who was accepted had a port that the kernel chose.
    if (event.action != "accept" || event.family == 0) {
      EXPECT_EQ(binds ? event.local_port : event.remote_port, expected[i].port);
    }
    EXPECT_EQ(event.socket, expected[i].path);
    EXPECT_TRUE(event.descriptor);
  }
}

// log_format=ENRICHED, name_format=USER: with a node before each line, and names behind byte 0x1D.
TEST(AuditDecode, ALogThatAuditdHasEnrichedSaysTheSame) {
  auto options = all_options();
  options.failed_socket_events = true;
  const auto sink = replayed("auditd.txt", options);
  const auto execs = execs_of(sink.all<ProcessEvent>());
  ASSERT_EQ(execs.size(), 2U);
  EXPECT_EQ(execs[0].arguments, (Texts{"true", "quote\"d", "new\nline", "", "\xFF\xFE", "a b", "\x1D"}));
  ASSERT_EQ(execs[1].arguments.size(), 13U);
  for (std::size_t i = 1; i < 13; ++i) EXPECT_EQ(execs[1].arguments[i], std::string(900, 'x') + std::to_string(i - 1));
  for (const auto& exec : execs) {
    EXPECT_EQ(exec.actor.ids.uid, 4242U);
    EXPECT_FALSE(exec.actor.ids.login_uid);
    EXPECT_EQ(exec.executable.uid, 0U);
    EXPECT_EQ(exec.filename, "/bin/true");
    EXPECT_EQ(exec.cwd, "/tmp");
  }
  std::vector<std::string> connects;
  for (const auto& event : sink.all<SocketEvent>())
    connects.push_back(fmt::format("{} {} {}{}", event.result, event.family, event.remote_address, event.socket));
  EXPECT_THAT(connects,
              ::testing::ElementsAre("-111 2 127.0.0.1", "-111 10 ::1", "-2 1 /tmp/no such", "-111 1 @abstract"));
}

TEST(AuditDecode, WhatOsqueryLeavesOutOfSocketsIsLeftOut) {
  AuditOptions options;
  options.sockets = true;
  std::vector<std::int64_t> results;
  for (const auto& event : replayed("sockets.txt", options).all<SocketEvent>()) {
    EXPECT_NE(event.family, AF_UNIX);
    if (event.action == "connect") results.push_back(event.result);
    if (event.action == "accept") {
      EXPECT_GE(event.result, 0);
    }
  }
  EXPECT_EQ(results, (std::vector<std::int64_t>{0, -EINPROGRESS, 0, 0, 0}));
}

// EVT-34
TEST(AuditDecode, TheLocalSideIsAskedForAndMarked) {
  Lookups lookups;
  lookups.local_side = [](std::int64_t pid, std::int64_t descriptor, int family, std::string_view remote,
                          std::uint16_t port, TextArena&) -> std::optional<Lookups::Local> {
    EXPECT_EQ(std::tuple(pid, descriptor, family, remote, port),
              std::tuple(7, 3, AF_INET, std::string_view("10.0.0.1"), 443));
    return Lookups::Local{"10.0.0.2", 40000, 6};
  };
  const auto sink = told(
      "type=SYSCALL msg=audit(1700000000.000:1): arch=c000003e syscall=42 success=yes exit=0 a0=3 pid=7\n"
      "type=SOCKADDR msg=audit(1700000000.000:1): saddr=020001BB0A0000010000000000000000\n"
      "type=EOE msg=audit(1700000000.000:1): \n",
      all_options(), everything(), lookups);
  const auto event = sink.all<SocketEvent>().at(0);
  EXPECT_EQ(event.local_address, "10.0.0.2");
  EXPECT_EQ(event.local_port, 40000);
  EXPECT_TRUE(event.local_is_best_effort);
  EXPECT_EQ(std::tuple(event.protocol, event.type), std::tuple(6, SOCK_STREAM));
  EXPECT_EQ(event.direction, "outbound");
}

// EVT-05
TEST(AuditDecode, CallsOfThirtyTwoBitsAreThemselves) {
  auto options = all_options();
  options.failed_socket_events = true;
  const auto sink = replayed("int80.txt", options);
  const auto execs = execs_of(sink.all<ProcessEvent>());
  ASSERT_EQ(execs.size(), 2U);
  for (const auto& exec : execs) {
    EXPECT_EQ(exec.arch, "i386");
    EXPECT_EQ(exec.syscall, "execve");
    EXPECT_EQ(exec.arguments, (Texts{"/bin/true", "by int 0x80"}));
  }
  const auto sockets = sink.all<SocketEvent>();
  ASSERT_EQ(sockets.size(), 2U);
  EXPECT_EQ(sockets[0].action, "connect");
  EXPECT_EQ(sockets[0].descriptor, 3);
  EXPECT_EQ(sockets[0].result, -ECONNREFUSED);
  EXPECT_EQ(sockets[0].remote_port, 9);
}

TEST(AuditDecode, ForksAndSignals) {
  const auto sink = replayed("processes.txt");
  std::vector<ProcessEvent> forks, kills;
  for (const auto& event : sink.all<ProcessEvent>()) (event.syscall == "kill" ? kills : forks).push_back(event);
  ASSERT_EQ(forks.size(), 1U);
  EXPECT_EQ(forks[0].syscall, "clone");
  ASSERT_EQ(kills.size(), 2U);
  EXPECT_EQ(kills[0].target.pid, forks[0].target.pid);
  EXPECT_EQ(kills[0].signal, 0);
  EXPECT_EQ(kills[1].signal, 15);
}

TEST(AuditDecode, ThreadsAreNoForks) {
  const auto call = [](std::string_view name, std::uint64_t a0) {
    const auto number = linux::syscall_number(linux::AuditArch::x86_64, name);
    return fmt::format(
        "type=SYSCALL msg=audit(1700000000.000:1): arch=c000003e syscall={} success=yes exit=9 a0={:x} pid=7\n"
        "type=EOE msg=audit(1700000000.000:1): \n",
        *number, a0);
  };
  const auto forks = [&](const std::string& lines, Lookups lookups = {}) {
    return told(lines, all_options(), everything(), std::move(lookups)).all<ProcessEvent>().size();
  };
  EXPECT_EQ(forks(call("clone", 17)), 1U);
  EXPECT_EQ(forks(call("clone", CLONE_THREAD | CLONE_VM)), 0U);
  EXPECT_EQ(forks(call("clone3", 0x7FFF0000)), 0U);
  Lookups process;
  process.is_thread = [](auto, auto) { return false; };
  EXPECT_EQ(forks(call("clone3", 0x7FFF0000), process), 1U);
  Lookups thread;
  thread.is_thread = [](auto, auto) { return true; };
  EXPECT_EQ(forks(call("clone3", 0x7FFF0000), thread), 0U);
}

TEST(AuditDecode, WhatProgramsSaidIsCutFromItsQuotes) {
  const auto sink = told(
      "type=USER_LOGIN msg=audit(1700000000.000:5): pid=77 uid=0 auid=1000 ses=3 msg='op=login id=1000 "
      "exe=\"/usr/sbin/sshd\" hostname=10.0.0.9 addr=10.0.0.9 terminal=/dev/pts/1 res=success'\n");
  const auto event = sink.all<UserEvent>().at(0);
  EXPECT_EQ(event.type, AUDIT_FIRST_USER_MSG + 12);
  EXPECT_EQ(event.message,
            "op=login id=1000 exe=\"/usr/sbin/sshd\" hostname=10.0.0.9 addr=10.0.0.9 terminal=/dev/pts/1 res=success");
  EXPECT_EQ(event.actor.path, "/usr/sbin/sshd");
  EXPECT_EQ(event.address, "10.0.0.9");
  EXPECT_EQ(event.terminal, "/dev/pts/1");
  EXPECT_EQ(event.actor.process.pid, 77);
  EXPECT_EQ(event.actor.ids.login_uid, 1000U);
  EXPECT_EQ(event.actor.ids.session, 3U);
}

// EVT-44
TEST(AuditDecode, AppArmorsRecordsHaveTheirFields) {
  const auto sink = told(
      "type=AVC msg=audit(1700000000.000:5): apparmor=\"DENIED\" operation=\"open\" class=\"file\" "
      "profile=\"/usr/sbin/cupsd\" name=2F746D702F61206200 pid=9 comm=\"cupsd\" requested_mask=\"wc\" "
      "denied_mask=\"w\" fsuid=4 ouid=0\n"
      "type=AVC msg=audit(1700000000.000:6): apparmor=\"DENIED\" operation=\"capable\" profile=\"p\" pid=10 "
      "comm=\"x\" capability=12 capname=\"net_admin\"\n");
  EXPECT_TRUE(sink.all<MacEvent>().empty());
  const auto events = sink.all<AppArmorEvent>();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].verdict, "DENIED");
  EXPECT_EQ(events[0].operation, "open");
  EXPECT_EQ(events[0].profile, "/usr/sbin/cupsd");
  EXPECT_EQ(events[0].name, std::string_view("/tmp/a b\0", 9));
  EXPECT_EQ(events[0].actor.process.pid, 9);
  EXPECT_EQ(events[0].requested_mask, "wc");
  EXPECT_EQ(events[0].denied_mask, "w");
  EXPECT_EQ(events[0].fsuid, 4U);
  EXPECT_EQ(events[0].ouid, 0U);
  EXPECT_FALSE(events[0].capability);
  EXPECT_EQ(events[1].capability, 12);
  EXPECT_EQ(events[1].capname, "net_admin");
}

// EVT-45
TEST(AuditDecode, SelinuxIsToldAsItStands) {
  const auto sink = told(
      "type=AVC msg=audit(1700000000.000:5): avc:  denied  { read } for  pid=1 comm=\"x\" name=\"y\"\n"
      "type=SYSCALL msg=audit(1700000000.000:5): arch=c000003e syscall=2 success=no exit=-13 pid=1\n"
      "type=EOE msg=audit(1700000000.000:5): \n"
      "type=MAC_STATUS msg=audit(1700000000.000:6): enforcing=0 old_enforcing=1 auid=0\n");
  const auto events = sink.all<MacEvent>();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].type, "AVC");
  EXPECT_EQ(events[0].message, "avc:  denied  { read } for  pid=1 comm=\"x\" name=\"y\"");
  EXPECT_EQ(events[1].type, "MAC_STATUS");
}

TEST(AuditDecode, SeccompsRecordsHaveTheirFields) {
  const auto sink = told(
      "type=SECCOMP msg=audit(1700000000.000:5): auid=4294967295 uid=1000 gid=1001 ses=4294967295 pid=9 comm=\"x\" "
      "exe=\"/bin/x\" sig=31 arch=c000003e syscall=41 compat=0 ip=0x7f00 code=0x80000000\n");
  const auto event = sink.all<SeccompEvent>().at(0);
  EXPECT_EQ(event.signal, 31);
  EXPECT_EQ(event.arch, "c000003e");
  EXPECT_EQ(event.syscall, 41);
  EXPECT_EQ(event.ip, "0x7f00");
  EXPECT_EQ(event.code, "0x80000000");
  EXPECT_EQ(event.actor.ids.gid, 1001U);
  EXPECT_FALSE(event.actor.ids.session);
}

TEST(AuditDecode, ModulesThatWereRefusedAreTold) {
  const auto number = linux::syscall_number(linux::AuditArch::x86_64, "init_module");
  const auto sink = told(fmt::format(
      "type=SYSCALL msg=audit(1700000000.000:1): arch=c000003e syscall={} success=no exit=-8 a0=1 a1=9 ppid=1 "
      "pid=7 auid=4294967295 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 comm=\"x\"\n"
      "type=EOE msg=audit(1700000000.000:1): \n",
      *number));
  const auto modules = sink.all<KernelModuleEvent>();
  ASSERT_EQ(modules.size(), 1U);
  EXPECT_EQ(std::tuple(modules[0].method, modules[0].result), std::tuple("init_module", -8));
}

TEST(AuditDecode, ModulesPtraceNamespacesRightsAndPrograms) {
  const auto event = [](int serial, std::string_view call, std::string_view more, std::string_view records) {
    const auto number = linux::syscall_number(linux::AuditArch::x86_64, call);
    std::string text = fmt::format(
        "type=SYSCALL msg=audit(1700000000.000:{0}): arch=c000003e syscall={1} success=yes exit=0 {2} ppid=1 pid=7 "
        "auid=4294967295 uid=1000 gid=1000 euid=0 suid=0 fsuid=0 egid=1000 sgid=1000 fsgid=1000 comm=\"x\"\n",
        serial, *number, more);
    for (const auto record : Lines(records)) {
      const auto blank = record.find(' ');
      text += fmt::format("type={} msg=audit(1700000000.000:{}): {}\n", record.substr(0, blank), serial,
                          record.substr(blank + 1));
    }
    return text + fmt::format("type=EOE msg=audit(1700000000.000:{}): \n", serial);
  };
  const auto sink = told(
      event(1, "finit_module", "a0=3", "KERN_MODULE name=\"dummy\"") +
      event(2, "delete_module", "a0=1234", "KERN_MODULE name=\"dummy\"") +
      event(3, "ptrace", "a0=4206 a1=2b", "OBJ_PID opid=43 oauid=-1 ouid=33 oses=-1 ocomm=\"y\"") +
      event(4, "mount", "a3=1000",
            "PATH item=0 name=\"/mnt\" inode=2 nametype=NORMAL\nPATH item=1 name=\"/src\" inode=3 nametype=NORMAL") +
      event(5, "unshare", "a0=10020000", "PROCTITLE proctitle=\"unshare\"") + event(6, "setuid", "a0=0", "") +
      event(7, "bpf", "a0=5", "BPF prog-id=12 op=LOAD") +
      event(8, "execve", "a0=1",
            "EXECVE argc=1 a0=\"su\"\nPATH item=0 name=\"/bin/su\" inode=5 dev=08:01 mode=0104755 ouid=0 ogid=0 "
            "nametype=NORMAL") +
      "type=BPF msg=audit(1700000000.000:9): prog-id=12 op=UNLOAD\n");
  const auto modules = sink.all<KernelModuleEvent>();
  ASSERT_EQ(modules.size(), 2U);
  EXPECT_EQ(std::tuple(modules[0].action, modules[0].name, modules[0].method),
            std::tuple("load", "dummy", "finit_module"));
  EXPECT_EQ(modules[1].action, "unload");
  const auto trace = sink.all<PtraceEvent>().at(0);
  EXPECT_EQ(std::tuple(trace.request, trace.target.pid, trace.target_uid),
            std::tuple("PTRACE_SEIZE", 43, std::optional(33U)));
  const auto spaces = sink.all<NamespaceEvent>();
  ASSERT_EQ(spaces.size(), 2U);
  EXPECT_EQ(std::tuple(spaces[0].kind, spaces[0].target_path, spaces[0].source_path, spaces[0].flags),
            std::tuple("mount", "/mnt", "/src", 0x1000U));
  EXPECT_EQ(std::tuple(spaces[1].kind, spaces[1].types),
            std::tuple("unshare", std::uint64_t{CLONE_NEWUSER | CLONE_NEWNS}));
  const auto rights = sink.all<PrivilegeEvent>();
  ASSERT_EQ(rights.size(), 3U);
  EXPECT_EQ(rights[0].kind, "user_namespace");
  EXPECT_EQ(rights[1].kind, "setuid");
  EXPECT_EQ(std::tuple(rights[2].kind, rights[2].via_suid, rights[2].before.euid, rights[2].actor.ids.euid),
            std::tuple("suid_exec", true, std::optional(1000U), std::optional(0U)));
  const auto programs = sink.all<BpfLoadEvent>();
  ASSERT_EQ(programs.size(), 2U);
  EXPECT_EQ(std::tuple(programs[0].action, programs[0].program_id), std::tuple("load", 12U));
  EXPECT_EQ(programs[1].action, "unload");
}

TEST(AuditDecode, AnExecThatTakesItsFilesCapabilitiesIsTold) {
  const auto told_of = [](std::string_view capabilities) {
    return told(
        fmt::format("type=SYSCALL msg=audit(1700000000.000:1): arch=c000003e syscall=59 success=yes exit=0 ppid=1 "
                    "pid=7 auid=4294967295 uid=1000 gid=1000 euid=1000 suid=1000 fsuid=1000 egid=1000 sgid=1000 "
                    "fsgid=1000 comm=\"x\"\n"
                    "type=BPRM_FCAPS msg=audit(1700000000.000:1): {}\n"
                    "type=EXECVE msg=audit(1700000000.000:1): argc=1 a0=\"x\"\n"
                    "type=EOE msg=audit(1700000000.000:1): \n",
                    capabilities));
  };
  for (const auto* const capabilities :
       {"fver=2 fp=0000000000003000 fi=0 fe=1 old_pp=0 old_pi=0 old_pe=1 old_pa=0 pp=3000 pi=0 pe=3000 pa=0 frootid=0",
        "fver=2 fp=0000000000003000 fi=0 fe=1 old_pp=0 old_pi=0 old_pe=1 new_pp=3000 new_pi=0 new_pe=3000"}) {
    const auto sink = told_of(capabilities);  // what it told lives in it
    const auto rights = sink.all<PrivilegeEvent>();
    ASSERT_EQ(rights.size(), 1U);
    EXPECT_EQ(std::tuple(rights[0].kind, rights[0].via_suid, rights[0].old_capabilities, rights[0].new_capabilities),
              std::tuple("suid_exec", true, std::optional(1U), std::optional(0x3000U)));
  }
  for (const auto* const capabilities :
       {"fver=0 fp=0 fi=0 fe=0 old_pp=0 old_pi=0 old_pe=0 old_pa=0 pp=3000 pi=0 pe=3000 pa=0",
        "fver=2 fp=3000 fi=0 fe=1 old_pp=f000 old_pi=0 old_pe=0 old_pa=0 pp=f000 pi=0 pe=f000"})
    EXPECT_TRUE(told_of(capabilities).all<PrivilegeEvent>().empty()) << capabilities;
}

// What a process did to files, in its order.
TEST(AuditDecode, FilesByTheirDescriptors) {
  auto demand = everything();
  demand.watched.push_back({"tmp", {"/tmp/%%"}, {}, false});
  const auto done = [&](const AuditOptions& options) {
    std::vector<std::string> made;
    for (const auto& event : replayed("files.txt", options, demand).all<ProcessFileEvent>()) {
      const auto name = [](std::string_view path) { return path.substr(path.rfind('/') + 1); };
      made.push_back(fmt::format("{} {}{}", event.operation, name(event.path),
                                 event.destination.empty() ? "" : fmt::format(" {}", name(event.destination))));
    }
    return made;
  };
  auto options = all_options();
  options.show_accesses = false;
  EXPECT_EQ(done(options),
            (std::vector<std::string>{"open+truncate written file", "write written file", "link written file linked",
                                      "symlink written file symbolic", "rename linked renamed", "rename renamed again",
                                      "unlink again", "unlink symbolic"}));
  options.show_accesses = true;
  const auto all = done(options);
  for (const auto* one : {"read written file", "close written file", "open written file"})
    EXPECT_NE(std::ranges::find(all, one), all.end()) << one;
  demand.watched.front().patterns = {"/etc/%%"};
  EXPECT_TRUE(done(options).empty());
}

TEST(AuditDecode, ANameWithAZeroInItIsNobodys) {
  using namespace std::string_view_literals;
  const auto call = parse_call("syscall=59 pid=3 \0a1=5 a1=6"sv);
  ASSERT_TRUE(call);
  EXPECT_EQ(call->arguments[1], 6U);
}

TEST(AuditDecode, WhatNobodyWantsIsCountedAsFiltered) {
  Demand demand;
  demand.kinds.set(kKind<UserEvent>);
  EXPECT_TRUE(replayed("executions.txt", all_options(), demand).all<ProcessEvent>().empty());
}

}  // namespace
}  // namespace osprey::events::audit
