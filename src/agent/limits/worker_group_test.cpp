#include "agent/limits/worker_group.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <thread>

#include "agent/limits/priority.h"
#include "base/temporary_tree.h"
#include "base/text.h"

namespace osprey::agent {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using namespace std::chrono_literals;

// The real hierarchies of this host, as root: v1 on the build machine, v2 and both in the guests of tests/guest.
class WorkerGroupTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "not root";
  }

  static bool missing(const WorkerGroup& group, std::string_view controller) {
    for (const auto& notice : group.notices())
      if (notice.find(controller) != std::string::npos) return true;
    return false;
  }

  // Runs `work` inside the group, as the watcher starts a worker. Returns its status.
  template <class Work>
  static pid_t start(const WorkerGroup& group, Work work) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    group.enter();
    work();
    ::_exit(0);
  }
  static int wait(pid_t pid) {
    int status = -1;
    ::waitpid(pid, &status, 0);
    return status;
  }
  static std::string groups_of(pid_t pid) { return Root::host().read(fmt::format("/proc/{}/cgroup", pid))->bytes; }
};

void spin(std::chrono::milliseconds wall) {
  const auto until = std::chrono::steady_clock::now() + wall;
  while (std::chrono::steady_clock::now() < until) {
  }
}

double cpu_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

TEST_F(WorkerGroupTest, CpuIsCapped) {  // LIM-02, LIM-03, LIM-06
  const auto group = WorkerGroup::make({.cpu_percent = 20});
  if (missing(group, "cpu")) GTEST_SKIP() << group.notices().front();
  const auto pid = start(group, [] {
    spin(2500ms);
    ::_exit(cpu_seconds() < 2.5 * 0.5 ? 0 : 1);
  });
  EXPECT_EQ(wait(pid), 0);
}

TEST_F(WorkerGroupTest, WhoEatsMemoryIsKilledAndTheCauseIsTold) {  // LIM-04
  auto group = WorkerGroup::make({.memory_bytes = 32 << 20});
  if (missing(group, "memory")) GTEST_SKIP() << group.notices().front();
  const auto eater = start(group, [] {
    for (;;) {
      auto* bytes = new char[1 << 20];
      std::memset(bytes, 1, 1 << 20);
    }
  });
  const auto status = wait(eater);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  EXPECT_TRUE(group.oom_killed());
  EXPECT_FALSE(group.oom_killed()) << "is told once";
  // Another death by the same signal is not taken for one.
  const auto other = start(group, [] { ::pause(); });
  ::kill(other, SIGKILL);
  wait(other);
  EXPECT_FALSE(group.oom_killed());
}

TEST_F(WorkerGroupTest, WhatTheWorkerForksIsInsideAndTheWatcherOutside) {  // LIM-07
  auto group = WorkerGroup::make({.cpu_percent = 50, .memory_bytes = 64 << 20, .processes = 16});
  ASSERT_FALSE(group.directories().empty());
  const auto name = std::string(group.directories().front().substr(group.directories().front().rfind('/') + 1));
  EXPECT_TRUE(is_worker_group(name));
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  const auto worker = start(group, [&] {
    const pid_t helper = ::fork();
    if (helper == 0) {
      const pid_t grandchild = ::fork();
      if (grandchild == 0) ::pause();
      (void)!::write(pipe[1], &grandchild, sizeof grandchild);
      ::pause();
    }
    ::pause();
  });
  pid_t grandchild = 0;
  ASSERT_EQ(::read(pipe[0], &grandchild, sizeof grandchild), ssize_t{sizeof grandchild});
  const auto inside = groups_of(grandchild);
  for (const auto& directory : group.directories()) {
    std::size_t members = 0;
    const auto procs = Root::host().read(directory + "/cgroup.procs")->bytes;
    for ([[maybe_unused]] const auto line : Lines(procs)) ++members;
    EXPECT_EQ(members, 3u) << directory;
  }
  EXPECT_THAT(inside, HasSubstr(name));
  EXPECT_THAT(groups_of(::getpid()), testing::Not(HasSubstr(name)));

  // At the end all of it is ended and removed.
  const auto directories = group.directories();
  group.remove();
  wait(worker);
  EXPECT_EQ(::kill(worker, 0), -1);
  for (const auto& directory : directories) EXPECT_FALSE(Root::host().exists(directory)) << directory;
  ::close(pipe[0]), ::close(pipe[1]);
}

TEST_F(WorkerGroupTest, TooManyProcessesAreRefused) {  // LIM-03
  const auto group = WorkerGroup::make({.processes = 4});
  if (missing(group, "pids")) GTEST_SKIP() << group.notices().front();
  const auto pid = start(group, [] {
    int made = 0;
    for (int i = 0; i < 10; ++i) {
      const pid_t child = ::fork();
      if (child == 0) ::pause();
      if (child > 0) ++made;
    }
    ::_exit(made);  // the group's end ends those
  });
  const auto status = wait(pid);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 3);
  for (const auto& directory : group.directories()) {
    const auto counters = linux::read_cgroup_processes(Root::host(), {1, directory});
    EXPECT_EQ(counters.limit, 4);
    EXPECT_EQ(counters.used, 3);
    EXPECT_EQ(counters.refused, 7);
  }
}

TEST_F(WorkerGroupTest, DiskReadsAreCapped) {  // LIM-03
  constexpr std::uint64_t kRate = 4 << 20;
  const auto group = WorkerGroup::make({.io_bytes = kRate});
  if (missing(group, "io")) GTEST_SKIP() << group.notices().front();
  const char* disk = std::getenv("OSPREY_TEST_DISK");
  const UniqueFd file(::open(disk ? disk : "/proc/self/exe", O_RDONLY | O_DIRECT | O_CLOEXEC));
  if (!file) GTEST_SKIP() << "no direct reads here";
  const auto pid = start(group, [&] {
    constexpr std::size_t kBlock = 64 << 10;
    auto* block = static_cast<char*>(std::aligned_alloc(4096, kBlock));
    std::uint64_t total = 0;
    off_t offset = 0;
    for (const auto until = std::chrono::steady_clock::now() + 1500ms; std::chrono::steady_clock::now() < until;) {
      const auto count = ::pread(file.get(), block, kBlock, offset);
      if (count < 0) ::_exit(2);
      offset = count < static_cast<ssize_t>(kBlock) ? 0 : offset + count;
      total += static_cast<std::uint64_t>(count);
    }
    ::_exit(total > 0 && total < 3 * kRate ? 0 : 1);
  });
  const auto status = wait(pid);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 2) GTEST_SKIP() << "no direct reads here";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(WorkerGroupTest, WhatAKilledWatcherLeavesIsRemovedByTheNext) {  // LIM-05
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  const pid_t watcher = ::fork();
  if (watcher == 0) {
    auto group = WorkerGroup::make({.cpu_percent = 50, .memory_bytes = 64 << 20, .processes = 16});
    const pid_t worker = start(group, [] { ::pause(); });
    while (groups_of(worker).find("osprey-worker-") == std::string::npos) std::this_thread::sleep_for(1ms);
    std::string text;
    for (const auto& directory : group.directories()) text += directory + "\n";
    (void)!::write(pipe[1], text.data(), text.size());
    ::kill(::getpid(), SIGKILL);
  }
  wait(watcher);
  std::array<char, 4096> buffer{};
  const auto count = ::read(pipe[0], buffer.data(), buffer.size());
  ASSERT_GT(count, 0);
  ::close(pipe[0]), ::close(pipe[1]);
  const std::string text(buffer.data(), static_cast<std::size_t>(count));
  for (const auto directory : Lines(text)) EXPECT_TRUE(Root::host().exists(directory)) << directory;
  const auto next = WorkerGroup::make({.cpu_percent = 50, .memory_bytes = 64 << 20, .processes = 16});
  for (const auto directory : Lines(text)) EXPECT_FALSE(Root::host().exists(directory)) << directory;
}

TEST_F(WorkerGroupTest, AForkedChildRemovesNothing) {
  const auto group = WorkerGroup::make({.processes = 16});
  if (missing(group, "pids")) GTEST_SKIP() << group.notices().front();
  const pid_t child = ::fork();
  if (child == 0) {
    {
      const auto gone = std::move(const_cast<WorkerGroup&>(group));
    }
    ::_exit(0);
  }
  EXPECT_EQ(wait(child), 0);
  for (const auto& directory : group.directories()) EXPECT_TRUE(Root::host().exists(directory));
}

// Groups as folders, to see where ours would be made.
class PlaceOfGroupTest : public TemporaryTree {
 protected:
  using Kind = linux::CgroupDelegation::Kind;

  // A v2 group that holds these processes.
  void group(const std::string& path, std::vector<pid_t> pids = {}) {
    std::string text;
    for (const auto pid : pids) text += fmt::format("{}\n", pid);
    write("cg" + path + "/cgroup.procs", text);
    write("cg" + path + "/cgroup.controllers", "cpu memory\n");
    if (path != "/") write("cg" + path + "/cgroup.type", "domain\n");
  }
  // The parent's directory, with a "+" where the watcher has to move; or the error.
  std::string place(std::string own, linux::CgroupDelegation delegation = {}, std::string_view asked = {},
                    int version = 2) {
    std::vector<std::string> controllers;
    if (version == 1) controllers.emplace_back("memory");
    const auto found =
        place_of_group(root(), {version, std::move(controllers), "/cg", std::move(own)}, delegation, asked);
    if (!found) return found.error().text();
    return found->parent + (found->moves_watcher ? "+" : "");
  }
  const pid_t self_ = ::getpid();
};

TEST_F(PlaceOfGroupTest, BelowOurOwnGroupWhichV2HasUsLeave) {  // LIM-05
  group("/", {1, 2});
  group("/agent", {self_});
  EXPECT_EQ(place("/agent"), "/cg/agent+");
  EXPECT_EQ(place("/agent", {}, {}, 1), "/cg/agent");
  EXPECT_EQ(place("/"), "/cg");  // the host's topmost may hold processes
}

TEST_F(PlaceOfGroupTest, BesideOurGroupWhereOthersAreInIt) {
  group("/", {1});
  group("/supervisor");
  group("/supervisor/agents", {self_, 77});
  EXPECT_EQ(place("/supervisor/agents"), "/cg/supervisor");
  group("/supervisor", {78});
  EXPECT_THAT(place("/supervisor/agents"), HasSubstr("holds other processes"));
}

TEST_F(PlaceOfGroupTest, SystemdsOnlyWhereItIsDelegated) {
  group("/", {});
  group("/system.slice");
  group("/system.slice/osqueryd.service", {self_});
  EXPECT_THAT(place("/system.slice/osqueryd.service", {Kind::managed, {}}), HasSubstr("Delegate=yes"));
  EXPECT_THAT(place("/system.slice/osqueryd.service", {Kind::managed, {}}, {}, 1), HasSubstr("Delegate=yes"));
  const linux::CgroupDelegation ours{Kind::delegated, "/system.slice/osqueryd.service"};
  EXPECT_EQ(place("/system.slice/osqueryd.service", ours), "/cg/system.slice/osqueryd.service+");
  EXPECT_EQ(place("/system.slice/osqueryd.service", ours, {}, 1), "/cg/system.slice/osqueryd.service");
  // A controller that the unit was not given: v1 has us elsewhere then.
  EXPECT_THAT(place("/system.slice", ours, {}, 1), HasSubstr("not delegated"));
  // With another process in the unit there is no way, as what is above is not ours.
  group("/system.slice/osqueryd.service", {self_, 99});
  EXPECT_THAT(place("/system.slice/osqueryd.service", ours), HasSubstr("holds other processes"));
  // DelegateSubgroup= puts us into a leaf, and ours goes beside it.
  group("/system.slice/osqueryd.service");
  group("/system.slice/osqueryd.service/main", {self_, 99});
  EXPECT_EQ(place("/system.slice/osqueryd.service/main", ours), "/cg/system.slice/osqueryd.service");
}

TEST_F(PlaceOfGroupTest, WhoeverNamesAGroupIsObeyed) {
  group("/", {});
  group("/limited");
  group("/full", {55});
  EXPECT_EQ(place("/system.slice/a.service", {Kind::managed, {}}, "/limited"), "/cg/limited");
  EXPECT_THAT(place("/", {}, "/full"), HasSubstr("holds processes"));
  EXPECT_THAT(place("/", {}, "/absent"), HasSubstr("no group"));
}

TEST(WorkerGroup, NothingAskedForNothingDone) {  // LIM-13
  const auto group = WorkerGroup::make({});
  EXPECT_THAT(group.directories(), IsEmpty());
  EXPECT_THAT(group.notices(), IsEmpty());
}

TEST(Priority, IsLowForAllThatFollows) {
  const pid_t child = ::fork();
  if (child == 0) {
    lower_priority();
    const pid_t grandchild = ::fork();
    if (grandchild != 0) {
      int status = 1;
      ::waitpid(grandchild, &status, 0);
      ::_exit(WEXITSTATUS(status));
    }
    const auto io = ::syscall(SYS_ioprio_get, 1 /* IOPRIO_WHO_PROCESS */, 0);
    ::_exit(::getpriority(PRIO_PROCESS, 0) == 10 && io >> 13 == 3 /* idle */ ? 0 : 1);
  }
  int status = 1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace osprey::agent
