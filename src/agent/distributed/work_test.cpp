#include "agent/distributed/work.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/failing_store.h"
#include "store/memory_store.h"

namespace osprey::agent {
namespace {

using store::Family;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

class DistributedWorkTest : public testing::Test {
 public:
  // As another process finds it.
  DistributedWork& reopen() {
    work_.emplace(*store_, losses_);
    return *work_;
  }
  static void answer(DistributedWork& work, const std::string& id, std::string_view row) {
    work.begin();
    ASSERT_TRUE(work.add(row));
    work.finish(id, {0, "", "{}"});
  }
  std::size_t keys() const {
    std::size_t count = 0;
    for (const auto cursor = store_->cursor(Family::distributed, {}, {}); cursor->valid(); cursor->next()) ++count;
    return count;
  }

  std::shared_ptr<store::Store> store_ = store::memory_store();
  Losses losses_{*store_};
  std::optional<DistributedWork> work_;
};

TEST_F(DistributedWorkTest, QueriesAreThereUntilTheirAnswersAreTaken) {
  reopen().accept({{"a", "select 1"}, {"b", "select 2"}});
  EXPECT_THAT(reopen().pending(), ElementsAre(Pair("a", "select 1"), Pair("b", "select 2")));
  answer(*work_, "a", R"({"x":"1"})");
  EXPECT_THAT(reopen().pending(), ElementsAre(Pair("b", "select 2")));
  work_->begin();
  work_->finish("b", {1, "no \"such\" table", R"({"memory":1})"});
  const auto body = reopen().next_body();
  EXPECT_EQ(body->members, R"("queries":{"a":[{"x":"1"}],"b":[]},"statuses":{"a":0,"b":1},)"
                           R"("messages":{"a":"","b":"no \"such\" table"},"stats":{"a":{},"b":{"memory":1}})");
  work_->taken(*body);
  EXPECT_FALSE(work_->has_answers());
  EXPECT_EQ(keys(), 0U);
}

TEST_F(DistributedWorkTest, AnotherServerIsToldNothingOfWhatTheOneBeforeAsked) {
  reopen().serve("https://one.test");
  work_->accept({{"live:1", "select 1"}, {"live:2", "select 2"}});
  answer(*work_, "live:1", R"({"x":"1"})");
  reopen().serve("https://one.test");
  EXPECT_TRUE(work_->has_answers());
  EXPECT_THAT(losses_.list(), IsEmpty());
  reopen().serve("https://two.test");
  EXPECT_FALSE(work_->has_answers());
  EXPECT_THAT(work_->pending(), IsEmpty());
  ASSERT_EQ(losses_.list().size(), 1U);
  EXPECT_EQ(losses_.list()[0].reason, "server changed");
  EXPECT_EQ(losses_.list()[0].lost, 1U);
  EXPECT_EQ(keys(), 1U);
  EXPECT_FALSE(reopen().has_answers());
}

// Of the time before it was kept.
TEST_F(DistributedWorkTest, AServerThatIsNotKnownIsTheOneThatAsked) {
  answer(reopen(), "a", "{}");
  work_->serve("https://one.test");
  EXPECT_TRUE(work_->has_answers());
}

TEST_F(DistributedWorkTest, LargeAnswersAreStoredInPiecesAndSentApart) {
  auto& work = reopen();
  work.accept({{"big", ""}, {"huge", ""}, {"small", ""}});
  const auto row = R"({"x":")" + std::string(100'000, 'x') + "\"}";
  for (const auto& [id, rows] : {std::pair("big", 5), std::pair("huge", 45)}) {
    work.begin();
    for (int i = 0; i < rows; ++i) ASSERT_TRUE(work.add(row));
    work.finish(id, {});
  }
  answer(work, "small", "{}");
  const auto first = reopen().next_body();
  EXPECT_THAT(first->ids, ElementsAre("big"));
  std::string rows = row;
  for (int i = 1; i < 5; ++i) rows += "," + row;
  EXPECT_THAT(first->members, HasSubstr("{\"big\":[" + rows + "]}"));
  work_->taken(*first);
  const auto second = work_->next_body();
  EXPECT_THAT(second->ids, ElementsAre("huge"));
  EXPECT_GT(second->members.size(), 45 * row.size());
  work_->taken(*second);
  EXPECT_THAT(work_->next_body()->ids, ElementsAre("small"));
}

TEST_F(DistributedWorkTest, WhatAnUnfinishedAnswerLeavesGoes) {
  auto& work = reopen();
  work.accept({{"a", "select 1"}});
  work.begin();
  ASSERT_TRUE(work.add(std::string(300'000, 'x')));
  EXPECT_EQ(keys(), 2U);
  EXPECT_THAT(reopen().pending(), ElementsAre(Pair("a", "select 1")));
  EXPECT_EQ(keys(), 1U);
  // Or at once, where it is given up.
  work_->begin();
  ASSERT_TRUE(work_->add(std::string(300'000, 'x')));
  work_->give_up({});
  EXPECT_EQ(keys(), 1U);
  // A failed one has no rows.
  work_->begin();
  ASSERT_TRUE(work_->add(std::string(300'000, 'x')));
  work_->finish("a", {1, "too slow"});
  EXPECT_EQ(keys(), 1U);
  EXPECT_THAT(reopen().next_body()->members, HasSubstr(R"("queries":{"a":[]})"));
}

TEST_F(DistributedWorkTest, AnAnswerReplacesAnOlderOneOfTheSameId) {
  auto& work = reopen();
  answer(work, "a", R"({"x":"1"})");
  answer(work, "a", R"({"x":"2"})");
  EXPECT_THAT(reopen().next_body()->members, HasSubstr(R"("queries":{"a":[{"x":"2"}]})"));
  EXPECT_EQ(keys(), 2U);
}

TEST_F(DistributedWorkTest, WhatExceedsTheCapIsRefusedAndCounted) {
  auto& work = reopen();
  work.set_cap(1 << 20);
  answer(work, "a", std::string(600'000, 'x'));
  work.begin();
  ASSERT_TRUE(work.add(std::string(400'000, 'x')));
  const auto refused = work.add(std::string(400'000, 'x'));
  EXPECT_THAT(refused.error().text(), HasSubstr("exceed the 1 MB"));
  ASSERT_EQ(losses_.list().size(), 1U);
  EXPECT_EQ(losses_.list()[0].source, "distributed");
  EXPECT_EQ(losses_.list()[0].reason, "cap");
  work.finish("b", {1, refused.error().text()});
  work.taken(*work.next_body());
  EXPECT_EQ(keys(), 0U);
  // There is room again.
  work.begin();
  EXPECT_TRUE(work.add(std::string(1'000'000, 'x')));
}

TEST_F(DistributedWorkTest, WithoutRoomInTheStoreTheServerIsToldSo) {
  auto beneath = store_;
  bool full = false;
  store_ = store::failing_store(
      beneath, [&](store::FaultPoint at) { return full && !at.after ? store::Fault::no_space : store::Fault::none; });
  auto& work = reopen();
  work.accept({{"a", "select 1"}});
  full = true;
  work.accept({{"b", "select 2"}});  // from memory
  EXPECT_THAT(work.pending(), ElementsAre(Pair("a", "select 1"), Pair("b", "select 2")));
  answer(work, "a", R"({"x":"1"})");
  const auto body = work.next_body();
  EXPECT_THAT(body->members, HasSubstr(R"("queries":{"a":[]},"statuses":{"a":1})"));
  EXPECT_THAT(body->members, HasSubstr("could not be kept"));
  EXPECT_EQ(losses_.list().size(), 1U);
  full = false;
  // It died before the server knew.
  EXPECT_THAT(DistributedWork(*beneath, losses_).pending(), ElementsAre(Pair("a", "select 1")));
  // It did not.
  work.taken(*body);
  EXPECT_THAT(DistributedWork(*beneath, losses_).pending(), IsEmpty());
}

TEST_F(DistributedWorkTest, WhatIsNoAnswerInTheStoreIsPassedOver) {
  store::Batch batch;
  for (const auto* text : {"", "x", "[]", R"({"pieces":-1,"rows":"x"})"})
    batch.put(Family::distributed, std::string("answer.") + text, text);
  batch.put(Family::distributed, "rows.x", "x");
  ASSERT_TRUE(store_->write(batch));
  EXPECT_EQ(reopen().next_body()->members,
            R"("queries":{"{\"pieces\":-1,\"rows\":\"x\"}":[]},"statuses":{"{\"pieces\":-1,\"rows\":\"x\"}":0},)"
            R"("messages":{"{\"pieces\":-1,\"rows\":\"x\"}":""},"stats":{"{\"pieces\":-1,\"rows\":\"x\"}":{}})");
}

}  // namespace
}  // namespace osprey::agent
