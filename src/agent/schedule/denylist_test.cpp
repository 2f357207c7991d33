#include "agent/schedule/denylist.h"

#include <gtest/gtest.h>

#include "agent/schedule/fakes_test.h"
#include "store/failing_store.h"
#include "store/memory_store.h"

namespace osprey::agent {
namespace {

constexpr std::int64_t kNow = 1'800'000'000;
constexpr Tick kTick = 1'800'000'000;
constexpr std::int64_t kDay = 86400;

TEST(Denylist, ForADayWithTheReasonAlsoOverARestart) {
  const auto store = store::memory_store();
  FakeClock clock(kNow);
  Denylist list(*store, clock, kTick);
  list.add("a:b", "it ate: too much", kTick);
  ASSERT_TRUE(list.find("a:b", kTick + kDay - 1));
  EXPECT_FALSE(list.find("a:b", kTick + kDay));
  EXPECT_FALSE(list.find("a", kTick));

  clock.step(kDay / 2);
  Denylist later(*store, clock, kTick + kDay / 2);
  ASSERT_TRUE(later.find("a:b", kTick + kDay - 1));
  EXPECT_EQ(later.find("a:b", kTick + kDay - 1)->reason, "it ate: too much");
  EXPECT_FALSE(later.find("a:b", kTick + kDay));

  later.expire(kTick + kDay);
  EXPECT_FALSE(*store->get(store::Family::configuration, denylist_key("a:b")));
}

TEST(Denylist, AClockThatWasAheadCostsADayAtMost) {
  const auto store = store::memory_store();
  FakeClock clock(kNow + 20 * 365 * kDay);
  Denylist(*store, clock, kTick).add("a", "reason", kTick);
  clock.step(-20 * 365 * kDay);
  const Denylist later(*store, clock, kTick);
  EXPECT_TRUE(later.find("a", kTick + kDay - 1));
  EXPECT_FALSE(later.find("a", kTick + kDay));
}

TEST(Denylist, HoldsWithoutRoomInTheStore) {
  const auto store = store::failing_store(store::memory_store(), [](auto) { return store::Fault::no_space; });
  const FakeClock clock(kNow);
  Denylist list(*store, clock, kTick);
  list.add("a", "reason", kTick);
  EXPECT_TRUE(list.find("a", kTick));
}

}  // namespace
}  // namespace osprey::agent
