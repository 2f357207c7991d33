#include "agent/schedule/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/schedule/fakes_test.h"

namespace osprey::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr unsigned kShard = 50;

std::uint64_t as_it_is(const std::string&, std::uint64_t interval) { return interval; }
bool nobody(const std::string&) { return false; }

// Drives a Schedule as a thread would, without doing anything.
struct Driver {
  Schedule schedule;

  void apply(const Configuration& configuration, Tick now) { schedule.apply(configuration, kShard, as_it_is, now); }
  // What is given out until nothing is left; each is finished at once.
  std::vector<std::string> drain(Tick now, const Schedule::IsSuspect& suspect = nobody) {
    std::vector<std::string> taken;
    while (const auto job = schedule.take(now, suspect)) {
      if (job->kind == Job::Kind::query) taken.push_back(job->query.name);
      if (job->kind == Job::Kind::discovery) {
        taken.push_back("discovery " + job->pack.name);
        schedule.discovered(*job, job->discovery.front() != "no", now);
      }
      if (job->kind == Job::Kind::load_decorators) taken.emplace_back("load");
      if (job->kind == Job::Kind::interval_decorators)
        for (const auto seconds : job->intervals) taken.push_back("interval " + std::to_string(seconds));
      schedule.finished(*job, now);
    }
    return taken;
  }
};

// CFG-07
TEST(Schedule, AQueryIsDueWhenItsIntervalDividesTheSeconds) {
  Driver driver;
  driver.apply(configuration({pack("main", {query("a", "SELECT 1", 60), query("b", "SELECT 2", 7)})}), 1'000'001);
  EXPECT_THAT(driver.drain(1'000'001), IsEmpty());
  EXPECT_EQ(driver.schedule.next(1'000'001), 1'000'006u);  // 7 divides it
  EXPECT_THAT(driver.drain(1'000'006), ElementsAre("b"));
  EXPECT_THAT(driver.drain(1'000'006), IsEmpty());
  EXPECT_EQ(driver.schedule.next(1'000'006), 1'000'013u);
  EXPECT_THAT(driver.drain(1'000'020), ElementsAre("b", "a")) << "b has waited since 13";
}

TEST(Schedule, OneThatIsDueAtTheStartRunsAtOnce) {
  Driver driver;
  driver.apply(configuration({pack("main", {query("a", "SELECT 1", 60)})}), 6'000'000);
  EXPECT_THAT(driver.drain(6'000'000), ElementsAre("a"));
}

// Suspend, or a slow query: weakness 6 of osquery's.
TEST(Schedule, MissedTurnsAreRunOnce) {
  Driver driver;
  driver.apply(configuration({pack("main", {query("a", "SELECT 1", 10)})}), 1);
  EXPECT_THAT(driver.drain(10), ElementsAre("a"));
  EXPECT_THAT(driver.drain(100'003), ElementsAre("a"));
  EXPECT_THAT(driver.drain(100'009), IsEmpty());
  EXPECT_THAT(driver.drain(100'010), ElementsAre("a"));
}

TEST(Schedule, ByDueTimeThenPackThenPriorityThenName) {
  auto second = query("z", "SELECT 1", 10);
  second.startup_priority = 2;
  auto first = query("y", "SELECT 1", 10);
  first.startup_priority = 1;
  Driver driver;
  driver.apply(configuration({pack("main", {query("b", "SELECT 1", 10), query("a", "SELECT 1", 10), second, first}),
                              pack("p", {query("a", "SELECT 1", 5)})}),
               1);
  EXPECT_THAT(driver.drain(1), ElementsAre("y", "z")) << "their turn of the start";
  EXPECT_THAT(driver.drain(10), ElementsAre("pack_p_a", "y", "z", "a", "b")) << "it was due at 5";
  EXPECT_THAT(driver.drain(20), ElementsAre("pack_p_a", "y", "z", "a", "b")) << "it was due at 15";
  EXPECT_THAT(driver.drain(40), ElementsAre("pack_p_a", "y", "z", "a", "b"));
}

TEST(Schedule, TurnsOfTheStartAreOneAfterTheOther) {
  auto second = query("a", "SELECT 1", 1000);
  second.startup_priority = 2;
  auto first = query("b", "SELECT 1", 1000);
  first.startup_priority = 1;
  Driver driver;
  driver.apply(configuration({pack("main", {second, first})}), 1);
  const auto one = driver.schedule.take(1, nobody);
  ASSERT_TRUE(one);
  EXPECT_EQ(one->query.name, "b");
  const auto other = driver.schedule.take(1, nobody);
  EXPECT_TRUE(!other || other->kind == Job::Kind::check);
  driver.schedule.finished(*one, 1);
  EXPECT_THAT(driver.drain(1), ElementsAre("a"));
}

TEST(Schedule, TwoRunsOfOneNameNeverOverlap) {
  auto twin = pack("main", {query("a", "SELECT 2", 10)});
  twin.source = "/other.conf";
  Driver driver;
  driver.apply(configuration({pack("main", {query("a", "SELECT 1", 10)}), twin}), 10);
  const auto one = driver.schedule.take(10, nobody);
  ASSERT_TRUE(one);
  const auto other = driver.schedule.take(10, nobody);
  EXPECT_TRUE(!other || other->kind != Job::Kind::query);
  driver.schedule.finished(*one, 10);
  EXPECT_THAT(driver.drain(10), ElementsAre("a"));
}

TEST(Schedule, ASuspectRunsAloneAndTheOthersWaitForIt) {
  Driver driver;
  driver.apply(configuration({pack(
                   "main", {query("a", "SELECT 1", 10), query("b", "SELECT 1", 10), query("c", "SELECT 1", 10)})}),
               10);
  const auto suspect = [](const std::string& name) { return name == "b"; };
  const auto a = driver.schedule.take(10, suspect);
  ASSERT_TRUE(a);
  EXPECT_EQ(a->query.name, "a");
  EXPECT_FALSE(driver.schedule.take(10, suspect)) << "b's turn, which waits for a's end";
  driver.schedule.finished(*a, 10);
  const auto b = driver.schedule.take(10, suspect);
  ASSERT_TRUE(b);
  EXPECT_EQ(b->query.name, "b");
  EXPECT_FALSE(driver.schedule.take(10, suspect));
  driver.schedule.finished(*b, 10);
  EXPECT_THAT(driver.drain(10, nobody), ElementsAre("c"));
}

// CFG-07: a reload resets nothing of what stays.
TEST(Schedule, AReloadKeepsThePhaseOfWhatStays) {
  Driver driver;
  driver.apply(configuration({pack("main", {query("a", "SELECT 1", 100), query("gone", "SELECT 1", 100)})}), 150);
  EXPECT_THAT(driver.drain(150), IsEmpty());
  EXPECT_EQ(driver.schedule.next(150), 200u);
  driver.apply(configuration({pack("main", {query("a", "SELECT 2", 100), query("new", "SELECT 1", 70)})}), 205);
  EXPECT_THAT(driver.drain(205), ElementsAre("a")) << "its turn at 200 is not lost";
  EXPECT_EQ(driver.schedule.next(205), 210u);
  EXPECT_THAT(driver.drain(210), ElementsAre("new"));
}

TEST(Schedule, AHundredReloadsNeitherRunNorDelayAnything) {
  Driver driver;
  for (Tick now = 101; now < 200; ++now) {
    auto changed = configuration({pack("main", {query("a", "SELECT " + std::to_string(now), 100)})});
    driver.apply(changed, now);
    EXPECT_THAT(driver.drain(now), IsEmpty());
  }
  EXPECT_THAT(driver.drain(200), ElementsAre("a"));
}

// CFG-08, CFG-11: a pack that is not for this host is listed and does nothing. config/ leaves such queries out.
TEST(Schedule, GatesOfPacks) {
  auto windows = pack("w", {query("a", "SELECT 1", 10)});
  windows.platform = "windows";
  auto few = pack("few", {query("a", "SELECT 1", 10)});
  few.shard = 1;
  auto half = pack("half", {query("a", "SELECT 1", 10)});
  half.shard = 50;
  auto later = pack("later", {query("a", "SELECT 1", 10)});
  later.version = "99.0.0";
  Driver driver;
  driver.apply(configuration({pack("main", {}), windows, few, half, later}), 10);
  EXPECT_THAT(driver.drain(10), ElementsAre("pack_half_a"));
  const auto& packs = driver.schedule.packs();
  ASSERT_EQ(packs.size(), 5u);
  EXPECT_TRUE(packs[0].active());
  EXPECT_FALSE(packs[1].active());
  EXPECT_EQ(packs[1].executions, 0u);
}

TEST(Schedule, DiscoveryIsAskedFirstAndAgainWhenItsAnswerIsOld) {
  auto on = pack("on", {query("a", "SELECT 1", 5)});
  on.discovery = {"yes"};
  auto off = pack("off", {query("a", "SELECT 1", 5)});
  off.discovery = {"no"};
  auto config = configuration({on, off});
  config.flags.set("pack_refresh_interval", "60");
  config.flags.set("pack_delimiter", "/");
  Driver driver;
  driver.apply(config, 10);
  EXPECT_THAT(driver.drain(10), ElementsAre("discovery on", "discovery off", "pack/on/a"));
  EXPECT_THAT(driver.drain(15), ElementsAre("pack/on/a"));
  driver.apply(config, 16);
  EXPECT_THAT(driver.drain(16), IsEmpty()) << "the answer stays good over a reload";
  EXPECT_EQ(driver.schedule.packs()[0].executions, 1u);
  EXPECT_GT(driver.schedule.packs()[0].cache_hits, 0u);
  EXPECT_THAT(driver.drain(70), ElementsAre("discovery on", "discovery off", "pack/on/a"));
  EXPECT_EQ(driver.schedule.packs()[1].executions, 2u);
}

TEST(Schedule, DecoratorsOfTheLoadComeBeforeTheFirstQuery) {
  auto config = configuration({pack("main", {query("a", "SELECT 1", 10)})});
  config.decorators.push_back({"/test.conf", {{"SELECT 1"}, {}, {{0, {"SELECT 2"}}, {60, {"SELECT 3"}}}}});
  Driver driver;
  driver.apply(config, 120);
  EXPECT_THAT(driver.drain(120), ElementsAre("load", "a")) << "those by interval do not run at the start, 0 never";
  EXPECT_THAT(driver.drain(180), ElementsAre("interval 60", "a"));
  config.flags.set("disable_decorators", "true");
  driver.apply(config, 181);
  EXPECT_THAT(driver.drain(240), ElementsAre("a"));
}

}  // namespace
}  // namespace osprey::agent
