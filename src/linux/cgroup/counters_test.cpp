#include "linux/cgroup/counters.h"

#include "base/temporary_tree.h"

namespace osprey::linux {
namespace {

class CgroupCountersTest : public TemporaryTree {};

TEST_F(CgroupCountersTest, OfV2) {
  write("g/cpu.stat", "usage_usec 1234567\nuser_usec 1\nsystem_usec 2\nnr_periods 10\nnr_throttled 3\n");
  write("g/memory.current", "1000\n");
  write("g/memory.peak", "2000\n");
  write("g/memory.max", "3000\n");
  write("g/memory.stat", "anon 5\nfile 999\ninactive_anon 1\ninactive_file 300\nactive_file 200\n");
  write("g/memory.events", "low 0\nhigh 0\nmax 7\noom 1\noom_kill 1\noom_group_kill 0\n");
  write("g/pids.current", "4\n");
  write("g/pids.max", "max\n");
  write("g/pids.events", "max 9\n");
  write("g/io.stat", "8:0 rbytes=100 wbytes=20 rios=1 wios=1 dbytes=5 dios=0\n259:1 rbytes=1 wbytes=2 rios=1\n");
  const CgroupDirectory here{2, "/g"};
  const auto cpu = read_cgroup_cpu(root(), here, here);
  EXPECT_EQ(cpu.used_us, 1234567);
  EXPECT_EQ(cpu.throttled, 3);
  const auto memory = read_cgroup_memory(root(), here);
  EXPECT_EQ(memory.used, 1000);
  EXPECT_EQ(memory.file_cache, 500);
  EXPECT_EQ(memory.peak, 2000);
  EXPECT_EQ(memory.limit, 3000);
  EXPECT_EQ(memory.oom_kills, 1);
  const auto processes = read_cgroup_processes(root(), here);
  EXPECT_EQ(processes.used, 4);
  EXPECT_EQ(processes.limit, std::nullopt);
  EXPECT_EQ(processes.refused, 9);
  EXPECT_EQ(read_cgroup_io(root(), here), 123);
}

TEST_F(CgroupCountersTest, OfV1) {
  write("cpu/cpu.stat", "nr_periods 2\nnr_throttled 1\nthrottled_time 99\n");
  write("acct/cpuacct.usage", "7654321\n");
  write("mem/memory.usage_in_bytes", "1000\n");
  write("mem/memory.max_usage_in_bytes", "2000\n");
  write("mem/memory.limit_in_bytes", "3000\n");
  write("mem/memory.stat", "inactive_file 1\nactive_file 1\ntotal_inactive_file 30\ntotal_active_file 20\n");
  write("mem/memory.failcnt", "5\n");
  write("mem/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
  write("io/blkio.throttle.io_service_bytes", "8:0 Read 4096\n8:0 Write 0\n8:0 Total 4096\nTotal 4096\n");
  const auto cpu = read_cgroup_cpu(root(), {1, "/acct"}, {1, "/cpu"});
  EXPECT_EQ(cpu.used_us, 7654);
  EXPECT_EQ(cpu.throttled, 1);
  const auto memory = read_cgroup_memory(root(), {1, "/mem"});
  EXPECT_EQ(memory.used, 1000);
  EXPECT_EQ(memory.file_cache, 50);
  EXPECT_EQ(memory.oom_kills, 2);
  EXPECT_EQ(read_cgroup_io(root(), {1, "/io"}), 4096);
  // CentOS 7's kernel counts no kills.
  write("mem/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\n");
  EXPECT_EQ(read_cgroup_oom_kills(root(), {1, "/mem"}), 5);
}

TEST_F(CgroupCountersTest, OfAGroupThatIsGoneOrOdd) {
  const CgroupDirectory gone{2, "/gone"};
  EXPECT_EQ(read_cgroup_cpu(root(), gone, gone).used_us, std::nullopt);
  EXPECT_EQ(read_cgroup_memory(root(), gone).used, std::nullopt);
  EXPECT_EQ(read_cgroup_io(root(), gone), std::nullopt);
  write("odd/memory.current", "");
  write("odd/memory.events", "oom_kill\n");
  write("odd/io.stat", "8:0\n=\nrbytes\n8:0 rbytes=x wbytes=3");
  EXPECT_EQ(read_cgroup_memory(root(), {2, "/odd"}).used, std::nullopt);
  EXPECT_EQ(read_cgroup_oom_kills(root(), {2, "/odd"}), std::nullopt);
  EXPECT_EQ(read_cgroup_io(root(), {2, "/odd"}), 3);
}

}  // namespace
}  // namespace osprey::linux
