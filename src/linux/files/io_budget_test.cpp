#include "linux/files/io_budget.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace osprey::linux {
namespace {

const IoBudget::Stopped kNever = [] { return false; };
// Stops whoever has to wait, so that no test does.
const IoBudget::Stopped kAtOnce = [] { return true; };

TEST(IoBudget, HoldsASecondsWorth) {  // LIM-15
  IoBudget budget({.bytes = 1000, .opens = 20});
  int taken = 0;
  while (budget.open(kAtOnce)) ++taken;
  EXPECT_GE(taken, 20);
  EXPECT_LT(taken, 100);  // what has come in meanwhile
  EXPECT_EQ(budget.opens().rate, 20u);
  EXPECT_EQ(budget.opens().waits, 1u);
  EXPECT_GT(budget.opens().last_wait, 0);
  // The other bucket is another's.
  EXPECT_TRUE(budget.read(999, kAtOnce));
  EXPECT_EQ(budget.bytes().waits, 0u);
}

TEST(IoBudget, ALargePieceIsPaidOffByThoseAfterIt) {
  IoBudget budget({.bytes = 1000, .opens = 0});
  EXPECT_TRUE(budget.read(1'000'000, kAtOnce));
  EXPECT_FALSE(budget.read(1, kAtOnce));
  EXPECT_EQ(budget.bytes().waits, 1u);
}

TEST(IoBudget, FillsAgain) {
  IoBudget budget({.bytes = 0, .opens = 1000});
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 1200; ++i) EXPECT_TRUE(budget.open(kNever));
  // 1000 at once, the other 200 at their rate.
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(150));
  EXPECT_GT(budget.opens().waits, 0u);
}

TEST(IoBudget, NoBound) {  // LIM-13
  IoBudget budget({});
  for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(budget.open(kAtOnce) && budget.read(1 << 20, kAtOnce));
  EXPECT_EQ(budget.bytes().waits, 0u);
  EXPECT_EQ(budget.bytes().rate, 0u);
}

TEST(IoBudget, AWaitEndsWhenItIsStopped) {
  IoBudget budget({.bytes = 1, .opens = 1});
  ASSERT_TRUE(budget.read(1 << 20, kNever));  // twelve days' worth
  std::atomic<bool> stop{false};
  std::atomic<int> asked{0};
  std::thread waiter([&] {
    EXPECT_FALSE(budget.read(1, [&] {
      ++asked;
      return stop.load();
    }));
  });
  while (asked < 3) std::this_thread::yield();
  stop = true;
  waiter.join();
  EXPECT_EQ(budget.bytes().waits, 1u) << "one wait, however often it looks";
}

TEST(IoBudget, IsSharedByThreads) {
  IoBudget budget({.bytes = 0, .opens = 400});
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      while (budget.open(kAtOnce)) ++taken;
    });
  for (auto& thread : threads) thread.join();
  EXPECT_GE(taken, 400);
  EXPECT_LT(taken, 4000);  // what has come in meanwhile
}

}  // namespace
}  // namespace osprey::linux
