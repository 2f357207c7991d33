#include "events/enrich/enricher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include <ctime>
#include <fstream>

#include "base/temporary_tree.h"

namespace osprey::events {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint64_t kSecond = 1'000'000'000;

std::uint64_t now() {
  timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * kSecond + static_cast<std::uint64_t>(time.tv_nsec);
}

// A captured host without processes.
class EnricherTest : public TemporaryTree {
 protected:
  EnricherTest() {
    write("etc/passwd", "root:x:0:0::/root:/bin/sh\njoe:x:1000:1000::/home/joe:/bin/sh\n");
    write("proc/1/stat", "1 (init) S 0 1 1 0 -1 4194560 0 0 0 0 1 1 0 0 20 0 1 0 2 100 10\n");
    write("proc/1/cmdline", std::string_view("/sbin/init\0splash\0", 18));
    write("proc/1/cgroup", "1:cpu:/\n0::/init.scope\n");
  }

  ProcessEvent exec(ProcessKey process, std::string_view path) {
    ProcessEvent event;
    event.header.moment = process.start + 1000;
    event.actor.process = process;
    event.actor.path = path;
    event.syscall = "execve";
    return event;
  }

  ProcessTree tree;
};

// EVT-06, EVT-27, EVT-35, EVT-36: once, at the source.
TEST_F(EnricherTest, EventsHaveAllThatIsKnownOfTheirProcess) {
  Enricher enricher(root(), tree, {});
  ASSERT_EQ(enricher.seed().value_or(0), 1U);
  const ProcessKey shell{100, 5 * kSecond + 1};
  const ProcessKey child{101, 6 * kSecond + 1};
  enricher.forked({1, 0}, shell);
  auto run = exec(shell, "/bin/sh");
  run.actor.ids.uid = 1000;
  run.arguments = {"sh", "-c", "true"};
  const std::string group = "/system.slice/docker-" + std::string(64, 'a') + ".scope";
  run.actor.cgroup_path = group;
  enricher.complete(&run);
  EXPECT_EQ(run.actor.user, "joe");
  EXPECT_EQ(run.actor.container_id, std::string(64, 'a'));
  EXPECT_THAT(run.actor.ancestors, ElementsAre(1));
  EXPECT_EQ(run.actor.parent, (ProcessKey{1, 20'000'000}));
  EXPECT_EQ(run.actor.cmdline, "");  // the arguments say it

  enricher.forked(shell, child);
  enricher.exited(shell);
  SocketEvent connect;
  connect.header.moment = 7 * kSecond;
  connect.actor.process = {101, 0};
  enricher.complete(&connect);
  EXPECT_EQ(connect.actor.process, child);
  EXPECT_EQ(connect.actor.parent, shell);
  EXPECT_EQ(connect.actor.path, "/bin/sh");
  EXPECT_EQ(connect.actor.cmdline, "sh -c true");
  EXPECT_EQ(connect.actor.ids.uid, 1000U);
  EXPECT_EQ(connect.actor.user, "joe");
  EXPECT_EQ(connect.actor.container_id, std::string(64, 'a'));
  EXPECT_THAT(connect.actor.ancestors, ElementsAre(100, 1));

  ExitEvent exit;
  exit.header.moment = 8 * kSecond;
  exit.actor.process = child;
  enricher.complete(&exit);
  EXPECT_EQ(exit.actor.path, "/bin/sh");
  EXPECT_EQ(tree.usage().exited, 2U);
  EXPECT_EQ(enricher.counts().looks, 0U);
}

// EVT-35: as audit tells of a program that vfork(2) was for, which is over before it is looked at.
TEST_F(EnricherTest, WhoIsGoneWasWhereItsParentIs) {
  Enricher enricher(root(), tree, {});
  auto shell = exec({100, 5 * kSecond + 1}, "/bin/sh");
  shell.actor.cgroup_path = "/a.service";
  enricher.complete(&shell);
  auto run = exec({4000, 0}, "/bin/nc");
  run.header.moment = 6 * kSecond;
  run.actor.parent.pid = 100;
  enricher.complete(&run);
  EXPECT_EQ(run.actor.unit, "a.service");
  SocketEvent connect;
  connect.header.moment = 6 * kSecond + 1;
  connect.actor.process.pid = 4000;
  enricher.complete(&connect);
  EXPECT_EQ(connect.actor.unit, "a.service");
}

// EVT-35: on a host that is cgroup v1's all are in the second version's root.
TEST_F(EnricherTest, AGroupOfTheFirstVersionIsKnownByTheExec) {
  Enricher enricher(root(), tree, {});
  auto run = exec({100, 5 * kSecond + 1}, "/bin/sh");
  run.actor.cgroup_id = 1;
  run.actor.cgroup_path = "/a.service";
  enricher.complete(&run);
  SocketEvent connect;
  connect.header.moment = 7 * kSecond;
  connect.actor.process = {100, 5 * kSecond + 1};
  connect.actor.cgroup_id = 1;
  enricher.complete(&connect);
  EXPECT_EQ(connect.actor.unit, "a.service");
}

TEST_F(EnricherTest, WhatTheSourceKnowsStays) {
  Enricher enricher(root(), tree, {});
  const ProcessKey shell{100, 5 * kSecond + 1};
  auto run = exec(shell, "/bin/sh");
  run.actor.cgroup_path = "/a.service";
  enricher.complete(&run);
  PrivilegeEvent change;
  change.header.moment = 6 * kSecond;
  change.actor.process = shell;
  change.actor.path = "/else";
  change.actor.parent = {77, 5};
  change.actor.ids.uid = 0;
  enricher.complete(&change);
  EXPECT_EQ(change.actor.path, "/else");
  EXPECT_EQ(change.actor.parent, (ProcessKey{77, 5}));
  EXPECT_EQ(change.actor.unit, "a.service");
  EXPECT_EQ(change.actor.user, "root");
  EXPECT_EQ(tree.find(shell, 7 * kSecond)->ids.uid, 0U);
  EXPECT_EQ(tree.find(shell, 7 * kSecond)->path, "/bin/sh");
}

constexpr std::uint64_t kMaySetUsers = 1 << 7;  // CAP_SETUID

Credentials users(std::uint32_t real, std::uint32_t effective, std::uint32_t saved) {
  return {.uid = real, .euid = effective, .suid = saved};
}

// EVT-06: rights that nothing gave are told from those that a program may take.
TEST_F(EnricherTest, WhetherRightsWereGiven) {
  struct Case {
    std::string_view kind;
    Credentials before, after;
    std::optional<std::uint64_t> capabilities;
    std::optional<bool> expected;
    std::int64_t result = 0;
  };
  const Case cases[] = {
      {"setuid", users(0, 0, 0), users(1000, 1000, 1000), kMaySetUsers, true},
      {"setuid", users(1000, 1000, 0), users(1000, 0, 0), 0, true},  // takes its saved id
      {"setuid", users(1000, 1000, 1000), users(0, 0, 0), kMaySetUsers, true},
      {"setuid", users(1000, 1000, 1000), users(0, 0, 0), 0, false},
      {"setuid", users(1000, 1000, 1000), users(0, 0, 0), std::nullopt, std::nullopt},  // by audit, which tells none
      {"setuid", users(0, 0, 0), users(33, 33, 33), std::nullopt, true},
      {"setuid", {}, users(33, 33, 33), std::nullopt, std::nullopt},
      {"setuid", users(1000, 1000, 1000), users(1000, 1000, 1000), 0, true, -1},
      {"user_namespace", {}, {}, std::nullopt, true},
  };
  Enricher enricher(root(), tree, {});
  std::int64_t pid = 200;
  for (const auto& one : cases) {
    PrivilegeEvent event;
    event.header.moment = 6 * kSecond;
    event.actor.process = {++pid, 5 * kSecond};
    event.actor.ids = one.after;
    event.kind = one.kind;
    event.before = one.before;
    event.old_capabilities = one.capabilities;
    event.result = one.result;
    enricher.complete(&event);
    EXPECT_EQ(event.expected, one.expected) << "case " << pid - 200;
  }
  PrivilegeEvent capset;
  capset.header.moment = 6 * kSecond;
  capset.kind = "capset";
  capset.old_capabilities = 0xF;
  capset.new_capabilities = 0x7;
  enricher.complete(&capset);
  EXPECT_EQ(capset.expected, true);
}

// What a process was is known from what it was seen to do: ids that an exploit wrote over are in no call.
TEST_F(EnricherTest, RightsThatNoCallGaveAreSeen) {
  Enricher enricher(root(), tree, {});
  const ProcessKey victim{100, 5 * kSecond};
  auto run = exec(victim, "/home/joe/program");
  run.actor.ids = users(1000, 1000, 1000);
  EXPECT_FALSE(enricher.unexplained(&run));
  enricher.feed(&run);
  // The kernel says that it was root before.
  PrivilegeEvent call;
  call.header.moment = 6 * kSecond;
  call.actor.process = victim;
  call.actor.ids = users(0, 0, 0);
  call.kind = "setuid";
  call.before = users(0, 0, 0);
  call.old_capabilities = ~0ULL;
  enricher.complete(&call);
  EXPECT_EQ(call.expected, false);
}

TEST_F(EnricherTest, RootsProgramsOfUsersThatBecameNobodysRoot) {
  Enricher enricher(root(), tree, {});
  const auto told_of = [&](ProcessKey process, Credentials before, std::uint32_t mode, bool called) {
    auto run = exec(process, "/home/joe/program");
    run.actor.ids = before;
    run.executable.mode = 0100755;
    EXPECT_FALSE(enricher.unexplained(&run));
    enricher.feed(&run);
    if (called) {
      PrivilegeEvent call;
      call.header.moment = process.start + kSecond;
      call.actor.process = process;
      call.actor.ids = users(0, 0, 0);
      call.kind = "setuid";
      enricher.complete(&call);
    }
    auto shell = exec(process, "/bin/sh");
    shell.header.moment = process.start + 2 * kSecond;
    shell.actor.ids = users(0, 0, 0);
    shell.executable.mode = mode;
    auto found = enricher.unexplained(&shell);
    enricher.feed(&shell);
    EXPECT_FALSE(enricher.unexplained(&shell)) << "the tree has it as root's";
    if (!found) return std::string();
    enricher.complete(&*found);
    EXPECT_EQ(found->expected, false);
    EXPECT_EQ(found->before.euid, 1000U);
    return std::string(found->kind) + " " + std::string(found->actor.path);
  };
  EXPECT_EQ(told_of({300, 5 * kSecond}, users(1000, 1000, 1000), 0100755, false), "exec /bin/sh");
  EXPECT_EQ(told_of({301, 5 * kSecond}, users(1000, 1000, 1000), 0104755, false), "");  // a setuid file
  EXPECT_EQ(told_of({302, 5 * kSecond}, users(1000, 1000, 1000), 0100755, true), "");
  EXPECT_EQ(told_of({303, 5 * kSecond}, users(1000, 1000, 0), 0100755, false), "");
  EXPECT_EQ(told_of({304, 5 * kSecond}, users(0, 0, 0), 0100755, false), "");
}

TEST_F(EnricherTest, OnlyWhatHappenedIsToldToTheTree) {
  Enricher enricher(root(), tree, {});
  const ProcessKey shell{100, 5 * kSecond + 1};
  auto run = exec(shell, "/bin/sh");
  enricher.feed(&run);
  auto failed = exec(shell, "/bin/other");
  failed.result = -2;
  enricher.feed(&failed);
  ProcessEvent kill = exec(shell, "/bin/sh");
  kill.syscall = "kill";
  kill.signal = 9;
  kill.target = {55, 5};
  enricher.feed(&kill);
  ProcessEvent fork = exec(shell, "/bin/sh");
  fork.syscall = "clone3";
  fork.header.moment = 6 * kSecond + 5;
  fork.target = {102, 0};
  enricher.feed(&fork);
  EXPECT_EQ(tree.find(shell, 0)->path, "/bin/sh");
  EXPECT_FALSE(tree.find({55, 5}, 0));
  EXPECT_EQ(tree.find({102, 0}, 7 * kSecond)->parent, shell);
  EXPECT_EQ(tree.find({102, 0}, 7 * kSecond)->path, "/bin/sh");
}

TEST_F(EnricherTest, UnknownProcessesAreLookedAtOnceAndNoMoreThanAllowed) {
  Enricher enricher(root(), tree, {.looks_per_second = 3});
  SocketEvent event;
  event.header.moment = kSecond;
  event.actor.process = {1, 20'000'000};
  enricher.complete(&event);
  EXPECT_EQ(event.actor.cmdline, "/sbin/init splash");
  EXPECT_EQ(event.actor.cgroup_path, "/init.scope");
  EXPECT_EQ(enricher.counts().looks, 1U);
  for (int i = 0; i < 5; ++i) {
    SocketEvent unknown;
    unknown.header.moment = kSecond;
    unknown.actor.process = {50, 20'000'000};
    enricher.complete(&unknown);
  }
  EXPECT_EQ(enricher.counts().looks, 2U);
  EXPECT_EQ(enricher.counts().gone, 1U);
  for (std::uint64_t i = 0; i < 5; ++i) {
    SocketEvent unknown;
    unknown.header.moment = kSecond;
    unknown.actor.process = {60, 20'000'000 * (i + 1)};
    enricher.complete(&unknown);
  }
  EXPECT_EQ(enricher.counts().looks, 3U);
  EXPECT_EQ(enricher.counts().looks_refused, 4U);
}

// A process that has the pid now is not the one that the event is about.
TEST_F(EnricherTest, APidThatCameAgainIsNotMistaken) {
  Enricher enricher(root(), tree, {});
  SocketEvent event;
  event.header.moment = kSecond;
  event.actor.process = {1, 7 * kSecond + 5};
  enricher.complete(&event);
  EXPECT_EQ(event.actor.path, "");
  EXPECT_EQ(event.actor.cmdline, "");
}

// CTR-13, EVT-35.
TEST_F(EnricherTest, ContainersStartAreEnteredAndEnd) {
  const std::string id(64, 'a');
  const std::string group = "/docker/" + id;
  write("var/lib/docker/containers/" + id + "/config.v2.json", R"({"Name":"/web","Config":{"Image":"nginx"}})");
  Enricher enricher(root(), tree, {});
  ASSERT_TRUE(enricher.seed());
  const ProcessKey shim{100, 5 * kSecond + 1};
  const ProcessKey first{200, 6 * kSecond + 1};
  const ProcessKey child{201, 7 * kSecond + 1};
  const ProcessKey guest{300, 8 * kSecond + 1};
  const auto run = [&](ProcessKey process, std::string_view path, std::string_view cgroup) {
    auto event = exec(process, path);
    event.actor.cgroup_path = cgroup;
    if (!path.empty()) event.arguments = {path};
    enricher.complete(&event);
    const auto told = enricher.container_event(&event);
    return told ? std::string(told->action) + " " + std::string(told->name) + " " + std::string(told->engine) : "";
  };
  EXPECT_EQ(run(shim, "/usr/bin/containerd-shim", "/system.slice/docker.service"), "");
  // A stage of runc's that has ended before it could be looked at.
  const ProcessKey stage{150, 5 * kSecond + 2};
  enricher.forked(shim, stage);
  EXPECT_EQ(run(stage, "", group), "");
  enricher.forked(shim, first);
  EXPECT_EQ(run(first, "/bin/entry", group), "start web docker");
  EXPECT_EQ(run(first, "/usr/sbin/nginx", group), "");
  enricher.forked(first, child);
  EXPECT_EQ(run(child, "/bin/sh", group), "");
  enricher.forked(shim, guest);
  EXPECT_EQ(run(guest, "/bin/bash", group), "exec web docker");
  EXPECT_EQ(run(guest, "/bin/ls", group), "");
  const auto end = [&](ProcessKey process) {
    ExitEvent event;
    event.header.moment = 9 * kSecond;
    event.actor.process = process;
    event.exit_code = 7;
    enricher.complete(&event);
    const auto told = enricher.container_event(&event);
    return told ? std::string(told->action) + " " + std::to_string(told->exit_code.value_or(-1)) : "";
  };
  EXPECT_EQ(end(guest), "");
  EXPECT_EQ(end(child), "");
  EXPECT_EQ(end(first), "die 7");
  EXPECT_EQ(end(first), "");
  const ProcessKey again{400, 10 * kSecond + 1};
  enricher.forked(shim, again);
  EXPECT_EQ(run(again, "/bin/entry", group), "start web docker");
}

// Those that run already are neither started nor entered.
TEST_F(EnricherTest, ContainersThatWereThereAreKnown) {
  const std::string group = "0::/docker/" + std::string(64, 'b') + "\n";
  write("proc/50/stat", "50 (entry) S 1 1 1 0 -1 4194560 0 0 0 0 1 1 0 0 20 0 1 0 50 100 10\n");
  write("proc/50/cgroup", group);
  write("proc/60/stat", "60 (guest) S 1 1 1 0 -1 4194560 0 0 0 0 1 1 0 0 20 0 1 0 60 100 10\n");
  write("proc/60/cgroup", group);
  Enricher enricher(root(), tree, {});
  ASSERT_EQ(enricher.seed().value_or(0), 3U);
  const std::string path = "/docker/" + std::string(64, 'b');
  for (const auto process : {ProcessKey{60, 600'000'000}, ProcessKey{50, 500'000'000}}) {
    auto event = exec(process, "/bin/x");
    event.header.moment = kSecond;
    event.actor.cgroup_path = path;
    event.arguments = {"/bin/x"};
    enricher.complete(&event);
    EXPECT_FALSE(enricher.container_event(&event));
  }
  ExitEvent exit;
  exit.header.moment = 2 * kSecond;
  exit.actor.process = {50, 500'000'000};
  enricher.complete(&exit);
  const auto told = enricher.container_event(&exit);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->action, "die");
}

TEST_F(EnricherTest, WhoIsTracedIsKnown) {
  Enricher enricher(root(), tree, {});
  const ProcessKey victim{100, 5 * kSecond + 1};
  auto run = exec(victim, "/bin/victim");
  run.actor.ids.uid = 1000;
  enricher.complete(&run);
  PtraceEvent trace;
  trace.header.moment = 6 * kSecond;
  trace.actor.process = {101, 5 * kSecond + 2};
  trace.target.pid = 100;
  enricher.complete(&trace);
  EXPECT_EQ(trace.target, victim);
  EXPECT_EQ(trace.target_path, "/bin/victim");
  EXPECT_EQ(trace.target_uid, 1000U);
  PtraceEvent nobody;
  nobody.header.moment = 6 * kSecond;
  nobody.target.pid = 4000;
  enricher.complete(&nobody);
  EXPECT_EQ(nobody.target_path, "");
  EXPECT_FALSE(nobody.target_uid);
}

TEST_F(EnricherTest, WhetherANameServerIsOneOfTheHosts) {
  write("etc/resolv.conf", "nameserver 127.0.0.53\nnameserver fe80::1%eth0\n");
  write("run/systemd/resolve/resolv.conf", "nameserver 10.0.0.53\n");
  Enricher enricher(root(), tree, {});
  const auto told = [&](std::string_view server, std::uint64_t moment, std::string_view container = {}) {
    DnsEvent event;
    event.header.moment = moment;
    event.server_address = server;
    event.actor.container_id = container;
    enricher.complete(&event);
    return event.configured;
  };
  for (const auto* server : {"127.0.0.53", "fe80::1", "10.0.0.53"}) EXPECT_EQ(told(server, kSecond), true) << server;
  EXPECT_EQ(told("8.8.8.8", kSecond), false);
  EXPECT_EQ(told("8.8.8.8", kSecond, "a"), std::nullopt) << "it has its own";
  write("etc/resolv.conf", "nameserver 8.8.8.8\n");
  EXPECT_EQ(told("8.8.8.8", kSecond + 1), false);
  EXPECT_EQ(told("8.8.8.8", 2 * kSecond), true);
}

TEST_F(EnricherTest, UsersAreReadAgainWhenTheyChange) {
  UserNames names(root());
  EXPECT_EQ(names.name(1000, kSecond), "joe");
  EXPECT_EQ(names.name(1001, kSecond), "");
  write("etc/passwd", "root:x:0:0::/root:/bin/sh\nann:x:1001:1001::/home/ann:/bin/sh\n");
  EXPECT_EQ(names.name(1001, kSecond + 1), "");
  EXPECT_EQ(names.name(1001, 2 * kSecond), "ann");
  EXPECT_EQ(names.name(1000, 2 * kSecond), "");
}

TEST(ProcessLook, TheTellingGroupIsTaken) {
  const std::string id(64, 'c');
  EXPECT_EQ(telling_cgroup_path("4:memory:/docker/" + id + "\n1:name=systemd:/a.service\n0::/\n"), "/docker/" + id);
  EXPECT_EQ(telling_cgroup_path("4:memory:/x\n1:name=systemd:/system.slice/a.service\n0::/\n"),
            "/system.slice/a.service");
  EXPECT_EQ(telling_cgroup_path("4:memory:/x:y\n0::/\n"), "/x:y");
  EXPECT_EQ(telling_cgroup_path("0::/\n"), "/");
  EXPECT_EQ(telling_cgroup_path(""), "");
}

// The kernel's own /proc.
class EnricherHere : public testing::Test {
 protected:
  // A child that waits until it is let go.
  pid_t child() {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::pause();
      ::_exit(0);
    }
    children_.push_back(pid);
    return pid;
  }
  // A program of a few kilobytes: this one is large under sanitizers.
  pid_t sleeper() {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::execl("/bin/sleep", "sleep", "60", nullptr);
      ::_exit(127);
    }
    children_.push_back(pid);
    const auto link = "/proc/" + std::to_string(pid) + "/exe";
    while (std::filesystem::read_symlink(link).filename() != "sleep") ::usleep(1000);
    return pid;
  }
  ~EnricherHere() override {
    for (const auto pid : children_) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
  }

 private:
  std::vector<pid_t> children_;
};

TEST_F(EnricherHere, SeedsFromProcAndFindsWhatIsUnknown) {
  ProcessTree tree;
  Enricher enricher(Root::host(), tree, {});
  ASSERT_GT(enricher.seed().value_or(0), 1U);
  const auto self = tree.find({::getpid(), 0}, now());
  ASSERT_TRUE(self);
  EXPECT_THAT(std::string(self->path), HasSubstr("events_test"));
  EXPECT_EQ(self->parent.pid, ::getppid());
  std::vector<std::int64_t> above;
  tree.ancestors(*self, above);
  ASSERT_FALSE(above.empty());
  EXPECT_EQ(above.back(), 1);

  // One that nobody told of, as audit would tell of it.
  const pid_t pid = child();
  ProcessEvent event;
  event.header.moment = now();
  event.actor.process.pid = pid;
  event.actor.path = "/bin/told";
  event.syscall = "execve";
  enricher.complete(&event);
  EXPECT_NE(event.actor.process.start, 0U);
  EXPECT_EQ(event.actor.process.start % ProcessTree::kTick, 0U);
  EXPECT_EQ(event.actor.path, "/bin/told");
  SocketEvent next;
  next.header.moment = now();
  next.actor.process.pid = child();
  enricher.complete(&next);
  EXPECT_EQ(next.actor.parent.pid, ::getpid());
  EXPECT_EQ(next.actor.ancestors.front(), ::getpid());
  EXPECT_EQ(next.actor.ids.uid, ::getuid());
  EXPECT_THAT(std::string(next.actor.path), HasSubstr("events_test"));
}

TEST_F(EnricherHere, AnAddressIsOfAnInterface) {
  ProcessTree tree;
  Enricher enricher(Root::host(), tree, {});
  struct stat own{};
  ASSERT_EQ(::stat("/proc/self/ns/net", &own), 0);
  const auto told = [&](std::string_view address, std::uint64_t network) {
    SocketEvent event;
    event.header.moment = now();
    event.local_address = address;
    event.network_namespace = network;
    enricher.complete(&event);
    return std::string(event.interface);
  };
  EXPECT_EQ(told("127.0.0.1", own.st_ino), "lo");
  EXPECT_EQ(told("127.9.8.7", own.st_ino), "lo");
  EXPECT_EQ(told("192.0.2.1", own.st_ino), "");
  EXPECT_EQ(told("127.0.0.1", own.st_ino + 1), "") << "another network's";
}

}  // namespace
}  // namespace osprey::events
