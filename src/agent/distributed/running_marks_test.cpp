#include "agent/distributed/running_marks.h"

#include <gtest/gtest.h>

#include "agent/schedule/fakes_test.h"
#include "store/memory_store.h"

namespace osprey::agent {
namespace {

using namespace std::chrono_literals;

class RunningMarksTest : public testing::Test {
 public:
  FakeClock clock_{1'800'000'000};
  std::unique_ptr<store::Store> store_ = store::memory_store();
};

TEST_F(RunningMarksTest, WhatADeadWorkerRanIsDeniedForATerm) {  // DST-05
  RunningMarks(*store_, clock_).begin("select 1");
  RunningMarks marks(*store_, clock_);
  EXPECT_TRUE(marks.denies("select 1", 60s));
  EXPECT_FALSE(marks.denies("select 2", 60s));
  clock_.pass(59s);
  marks.expire(60s);
  EXPECT_TRUE(marks.denies("select 1", 60s));
  clock_.pass(1s);
  EXPECT_FALSE(marks.denies("select 1", 60s));
  marks.expire(60s);
  EXPECT_FALSE(RunningMarks(*store_, clock_).denies("select 1", 1h));
}

TEST_F(RunningMarksTest, WhatEndedIsNot) {
  RunningMarks marks(*store_, clock_);
  marks.begin("select 1");
  store::Batch batch;
  marks.end(batch);
  ASSERT_TRUE(store_->write(batch));
  EXPECT_FALSE(marks.denies("select 1", 60s));
  EXPECT_FALSE(RunningMarks(*store_, clock_).denies("select 1", 60s));
}

TEST_F(RunningMarksTest, WhatALimitEndsStaysMarked) {  // DST-05
  RunningMarks marks(*store_, clock_);
  marks.limit_hit();  // while nothing runs
  marks.begin("select 1");
  store::Batch batch;
  marks.end(batch);
  EXPECT_FALSE(batch.empty());
  marks.begin("select 2");
  marks.limit_hit();
  store::Batch none;
  marks.end(none);
  EXPECT_TRUE(none.empty());
  EXPECT_TRUE(RunningMarks(*store_, clock_).denies("select 2", 60s));
}

TEST_F(RunningMarksTest, AClockThatWasAheadDeniesNoLonger) {
  RunningMarks(*store_, clock_).begin("select 1");
  clock_.step(-1'000'000);
  RunningMarks marks(*store_, clock_);
  EXPECT_TRUE(marks.denies("select 1", 60s));
  clock_.pass(60s);
  EXPECT_FALSE(marks.denies("select 1", 60s));
}

}  // namespace
}  // namespace osprey::agent
