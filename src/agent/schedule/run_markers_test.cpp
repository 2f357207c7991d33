#include "agent/schedule/run_markers.h"

#include <gtest/gtest.h>

#include "store/failing_store.h"
#include "store/memory_store.h"

namespace osprey::agent {
namespace {

constexpr Death kCrash{Death::Kind::signal, 11};
constexpr Death kLimit{Death::Kind::cpu_limit};

void finish(store::Store& store, RunMarkers& markers, const std::string& name) {
  store::Batch batch;
  markers.end(name, batch);
  ASSERT_TRUE(store.write(batch));
}

TEST(RunMarkers, NothingRanNobodyIsToBlame) {
  const auto store = store::memory_store();
  {
    RunMarkers markers(*store, std::nullopt);
    markers.begin("a");
    finish(*store, markers, "a");
  }
  EXPECT_TRUE(RunMarkers(*store, kLimit).found().empty());
}

TEST(RunMarkers, OneQueryAtALimitIsGuilty) {
  const auto store = store::memory_store();
  RunMarkers(*store, std::nullopt).begin("a");
  const RunMarkers next(*store, kLimit);
  ASSERT_EQ(next.found().size(), 1u);
  EXPECT_TRUE(next.found()[0].guilty);
  EXPECT_EQ(next.found()[0].reason, "the agent died while it ran (limit:cpu)");
  EXPECT_FALSE(next.is_suspect("a"));
  EXPECT_TRUE(RunMarkers(*store, kLimit).found().empty()) << "judged once";
}

TEST(RunMarkers, ACrashMakesASuspectASecondOneInARowTheCulprit) {
  const auto store = store::memory_store();
  RunMarkers(*store, std::nullopt).begin("a");
  {
    RunMarkers next(*store, kCrash);
    EXPECT_FALSE(next.found()[0].guilty);
    EXPECT_TRUE(next.is_suspect("a"));
  }
  {
    RunMarkers next(*store, kCrash);  // a crash before it ran again says nothing
    EXPECT_TRUE(next.found().empty());
    EXPECT_TRUE(next.is_suspect("a"));
    next.begin("a");
  }
  EXPECT_TRUE(RunMarkers(*store, std::nullopt).found()[0].guilty) << "nor need the watcher know why";
}

TEST(RunMarkers, FinishingOnceClears) {
  const auto store = store::memory_store();
  RunMarkers(*store, std::nullopt).begin("a");
  RunMarkers next(*store, kCrash);
  next.begin("a");
  finish(*store, next, "a");
  EXPECT_FALSE(next.is_suspect("a"));
  next.begin("a");
  EXPECT_FALSE(RunMarkers(*store, kCrash).found()[0].guilty);
}

TEST(RunMarkers, OfTwoAtALimitTheOneThatDiesAloneIsGuilty) {
  const auto store = store::memory_store();
  {
    RunMarkers first(*store, std::nullopt);
    first.begin("a");
    first.begin("b");
  }
  RunMarkers next(*store, kLimit);
  ASSERT_EQ(next.found().size(), 2u);
  EXPECT_FALSE(next.found()[0].guilty || next.found()[1].guilty);
  EXPECT_TRUE(next.is_suspect("a") && next.is_suspect("b"));
  next.begin("a");
  finish(*store, next, "a");
  next.begin("b");
  const RunMarkers last(*store, kLimit);
  ASSERT_EQ(last.found().size(), 1u);
  EXPECT_EQ(last.found()[0].name, "b");
  EXPECT_TRUE(last.found()[0].guilty);
}

TEST(RunMarkers, WhatRanWhenTheLimitWasHitStaysThoughItFinishes) {
  const auto store = store::memory_store();
  {
    RunMarkers first(*store, std::nullopt);
    first.begin("a");
    first.limit_hit();
    finish(*store, first, "a");
    first.begin("b");
    finish(*store, first, "b");
  }
  const RunMarkers next(*store, std::nullopt);
  ASSERT_EQ(next.found().size(), 1u);
  EXPECT_TRUE(next.found()[0].guilty);
}

// At each point of death of a run: the next worker finds the query at most, never another.
TEST(RunMarkers, DeathAtEveryWrite) {
  for (std::uint64_t at = 0; at < 4; ++at) {
    for (const bool after : {false, true}) {
      const std::shared_ptr<store::Store> beneath = store::memory_store();
      const auto store = store::failing_store(beneath, [&](store::FaultPoint point) {
        return point.number == at && point.after == after ? store::Fault::die : store::Fault::none;
      });
      try {
        RunMarkers markers(*store, std::nullopt);
        markers.begin("a");
        markers.limit_hit();
        finish(*store, markers, "a");
        markers.begin("b");
        finish(*store, markers, "b");
      } catch (const store::Death&) {
      }
      const RunMarkers next(*beneath, kCrash);
      EXPECT_LE(next.found().size(), 2u);
      for (const auto& found : next.found()) EXPECT_TRUE(found.name == "a" || found.name == "b");
    }
  }
}

}  // namespace
}  // namespace osprey::agent
