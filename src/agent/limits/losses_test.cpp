#include "agent/limits/losses.h"

#include <gtest/gtest.h>

#include "store/memory_store.h"

namespace osprey::agent {
namespace {

TEST(Losses, TheWorstGroupStaysOverRestartsAndUntilAnotherIsKnown) {
  const auto store = store::memory_store();
  {
    Losses losses(*store);
    losses.add("bpf", "sched_process_exec", "ring full", 3, 0, true, "/docker/a b");
    losses.add("bpf", "sched_process_exec", "ring full", 4, 0);
    losses.add("bpf", "dns", "ring full", 1, 0);
    losses.save();
  }
  Losses losses(*store);
  const auto all = losses.list();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].worst_cgroup, "");
  EXPECT_EQ(all[1].lost, 7u);
  EXPECT_EQ(all[1].worst_cgroup, "/docker/a b");
}

}  // namespace
}  // namespace osprey::agent
