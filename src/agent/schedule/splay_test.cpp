#include "agent/schedule/splay.h"

#include <gtest/gtest.h>

#include "store/memory_store.h"

namespace osprey::agent {
namespace {

using store::Family;

// CFG-07: osquery's range, both ends in it.
TEST(Splay, IsWithinItsPercentage) {
  EXPECT_EQ(splayed(3600, 10, 0), 3240u);
  EXPECT_EQ(splayed(3600, 10, 720), 3960u);
  EXPECT_EQ(splayed(3600, 10, 721), 3240u);
  EXPECT_EQ(splayed(5, 10, 12345), 5u) << "a tenth of 5 is less than a second";
  EXPECT_EQ(splayed(1, 100, 0), 1u) << "never 0";
  EXPECT_EQ(splayed(1, 100, 1), 2u);
  EXPECT_EQ(splayed(60, 0, 7), 60u);
  EXPECT_EQ(splayed(60, 101, 7), 60u);
  EXPECT_EQ(splayed(604800, 100, 1209599), 1209600u);
}

TEST(Splay, IsDrawnOnceForAnInterval) {
  const auto store = store::memory_store();
  const auto drawn = splay_of(*store, "pack_a_q", 100'000, 10);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(splay_of(*store, "pack_a_q", 100'000, 10), drawn);
  EXPECT_EQ(**store->get(Family::configuration, "interval.pack_a_q"), "100000:" + std::to_string(drawn));
  const auto other = splay_of(*store, "pack_a_q", 1'000, 10);
  EXPECT_GE(other, 900u);
  EXPECT_LE(other, 1'100u);
}

// Weakness 4: the same name in two packs, and no splay at all.
TEST(Splay, IsOfTheFullNameAndCanBeNone) {
  const auto store = store::memory_store();
  splay_of(*store, "pack_a_q", 100, 10);
  EXPECT_FALSE(*store->get(Family::configuration, splay_key("pack_b_q")));
  EXPECT_EQ(splay_of(*store, "pack_a_q", 100, 0), 100u);
}

TEST(Splay, WhatIsNoSplayIsDrawnAnew) {
  const auto store = store::memory_store();
  for (const auto* text : {"", "100", "100:", "100:0", "100:x", "x:50", "100:-5"}) {
    store::Batch batch;
    batch.put(Family::configuration, splay_key("q"), text);
    ASSERT_TRUE(store->write(batch));
    const auto splay = splay_of(*store, "q", 100, 10);
    EXPECT_GE(splay, 90u);
    EXPECT_LE(splay, 110u);
  }
}

}  // namespace
}  // namespace osprey::agent
