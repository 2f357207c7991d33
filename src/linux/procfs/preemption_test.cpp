#include "linux/procfs/preemption.h"

#include <gtest/gtest.h>

#include "base/temporary_tree.h"

namespace osprey::linux {
namespace {

class PreemptionTest : public TemporaryTree {
 protected:
  bool with_version(std::string_view version) {
    write("proc/sys/kernel/version", version);
    return preempts_itself(root());
  }
};

TEST_F(PreemptionTest, SomeVersionsSayIt) {
  EXPECT_TRUE(preempts_itself(root())) << "nothing tells";
  EXPECT_FALSE(with_version("#1 SMP Debian 5.10.234-1 (2025-02-24)\n"));
  EXPECT_TRUE(with_version("#1 SMP PREEMPT Mon Jan 1 00:00:00 UTC 2024\n"));
  EXPECT_TRUE(with_version("#1 SMP PREEMPT_RT Debian 6.1.55-1\n"));
  EXPECT_TRUE(with_version("#1 SMP PREEMPT(lazy) x\n"));
  EXPECT_FALSE(with_version("#1 SMP PREEMPT(voluntary) x\n"));
}

TEST_F(PreemptionTest, OneThatCanDoEitherSaysElsewhere) {
  write("proc/sys/kernel/osrelease", "6.1.0-18-amd64\n");
  EXPECT_TRUE(with_version("#1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1\n"));
  write("boot/config-6.1.0-18-amd64",
        "# CONFIG_PREEMPT_NONE is not set\nCONFIG_PREEMPT_VOLUNTARY=y\nCONFIG_PREEMPT_DYNAMIC=y\n");
  EXPECT_FALSE(preempts_itself(root()));
  write("proc/cmdline", "preempt=none quiet preempt=full\n");
  EXPECT_TRUE(preempts_itself(root()));
  write("sys/kernel/debug/sched/preempt", "none (voluntary) full\n");
  EXPECT_FALSE(preempts_itself(root()));
}

}  // namespace
}  // namespace osprey::linux
