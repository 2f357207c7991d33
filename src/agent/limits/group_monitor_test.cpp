#include "agent/limits/group_monitor.h"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <fstream>
#include <memory>

#include "base/root.h"

namespace osprey::agent {
namespace {

using namespace std::chrono_literals;

const Limit* find(const std::vector<Limit>& rows, std::string_view name) {
  for (const auto& row : rows)
    if (row.name == name) return &row;
  return nullptr;
}

TEST(GroupMonitor, WithoutAGroupTheWatcherIsAllThereIs) {
  GroupMonitor monitor({.limits = {.cpu_percent = 20, .memory_bytes = std::uint64_t{1} << 40, .processes = 10}});
  const auto rows = monitor.report();
  const auto* cpu = find(rows, "cgroup_cpu");
  ASSERT_TRUE(cpu);
  EXPECT_EQ(cpu->enforced_by, "watcher");
  EXPECT_EQ(cpu->limit_value, std::nullopt);
  EXPECT_EQ(cpu->configured_by, "cgroup_cpu_percent");
  EXPECT_GT(find(rows, "cgroup_memory")->used.value_or(0), 0);
  EXPECT_EQ(find(rows, "cgroup_processes")->enforced_by, "none");
  EXPECT_EQ(find(rows, "cgroup_io")->enforced_by, "none") << "was not asked for";
  EXPECT_EQ(find(rows, "memory_soft_mark")->enforced_by, "worker");
}

TEST(GroupMonitor, PassingTheSoftMarkGivesUpCaches) {  // LIM-04
  std::atomic<int> shed{0};
  GroupMonitor monitor({.limits = {.memory_bytes = 100 << 10}, .shed = [&] { ++shed; }, .period = 1ms});
  while (shed == 0) ::usleep(1000);
  const auto rows = monitor.report();
  const auto* mark = find(rows, "memory_soft_mark");
  EXPECT_EQ(mark->kind, "soft");
  EXPECT_EQ(mark->limit_value, (100 << 10) / 100 * 80);
  EXPECT_EQ(mark->struck, 1);
  EXPECT_TRUE(mark->last_struck);
  EXPECT_EQ(shed, 1) << "again only after a while";
}

TEST(GroupMonitor, InAGroupTheKernelsNumbersAreShown) {  // LIM-01
  if (::geteuid() != 0) GTEST_SKIP() << "not root";
  const GroupLimits limits{.cpu_percent = 10, .memory_bytes = 64 << 20, .io_bytes = 10 << 20, .processes = 6};
  const auto group = WorkerGroup::make(limits);
  if (!group.notices().empty()) GTEST_SKIP() << group.notices().front();
  // Its low weight would keep it from ever meeting its quota on a busy machine.
  for (const auto& directory : group.directories()) {
    std::ofstream(directory + "/cpu.weight") << 1000;
    std::ofstream(directory + "/cpu.shares") << 10240;
  }
  const pid_t child = ::fork();
  if (child == 0) {
    group.enter();
    GroupMonitor monitor({.limits = limits, .period = 100ms});
    const auto until = std::chrono::steady_clock::now() + 20s;
    while (find(monitor.report(), "cgroup_cpu")->struck == 0 && std::chrono::steady_clock::now() < until) {
    }
    for (int i = 0; i < 10; ++i)
      if (::fork() == 0) ::pause();
    std::vector<char> memory(8 << 20);
    std::memset(memory.data(), 1, memory.size());
    ::usleep(500'000);
    const auto rows = monitor.report();
    const auto expect = [&](std::string_view name, auto holds, int number) {
      const auto* row = find(rows, name);
      if (!row || !row->enforced_by.starts_with("cgroup v") || !holds(*row)) ::_exit(number);
    };
    expect("cgroup_cpu", [](auto& row) { return row.limit_value == 10 && row.struck > 0 && row.peak < 60; }, 1);
    expect(
        "cgroup_memory",
        [](auto& row) { return row.limit_value == 64 << 20 && row.used > 8 << 20 && row.peak >= row.used; }, 2);
    expect(
        "cgroup_processes",
        [](auto& row) { return row.limit_value == 6 && row.used == 6 && row.struck > 0 && row.last_struck; }, 3);
    expect("cgroup_io", [](auto& row) { return row.limit_value == 10 << 20 && row.used >= 0; }, 4);
    ::_exit(0);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace osprey::agent
