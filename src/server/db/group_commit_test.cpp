#include "server/db/group_commit.h"

#include <gmock/gmock.h>

#include <future>
#include <string>

namespace osprey::server::db {
namespace {

struct Item {
  std::string text;
  std::size_t bytes() const { return text.size(); }
};

// A commit that the test lets go on, step by step.
struct Gate {
  std::mutex mutex;
  std::condition_variable changed;
  int open = 0;
  int entered = 0;
  std::vector<std::vector<std::string>> groups;
  Result<void> answer;

  GroupCommit<Item>::Commit commit() {
    return [this](std::span<Item> items) -> Result<void> {
      std::unique_lock lock(mutex);
      auto& group = groups.emplace_back();
      for (const Item& item : items) group.push_back(item.text);
      ++entered;
      changed.notify_all();
      changed.wait(lock, [&] { return open > 0; });
      --open;
      return answer;
    };
  }
  void let(int commits) {
    std::lock_guard lock(mutex);
    open += commits;
    changed.notify_all();
  }
  void wait_entered(int commits) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return entered >= commits; });
  }
};

TEST(GroupCommit, TellsEachGiverOnceItIsCommittedInOrder) {
  Gate gate;
  std::vector<std::string> told;
  {
    GroupCommit<Item> group({}, gate.commit());
    ASSERT_TRUE(group.add({"a"}, [&](const Result<void>& result) { told.push_back(result ? "a" : "error"); }));
    gate.wait_entered(1);
    EXPECT_TRUE(told.empty());
    for (const char* name : {"b", "c"})
      ASSERT_TRUE(
          group.add({name}, [&, name](const Result<void>& result) { told.push_back(result ? name : "error"); }));
    gate.let(100);
  }
  EXPECT_THAT(told, testing::ElementsAre("a", "b", "c"));
  EXPECT_THAT(gate.groups, testing::ElementsAre(testing::ElementsAre("a"), testing::ElementsAre("b", "c")));
}

TEST(GroupCommit, AnErrorIsToldToAllOfItsGroup) {
  Gate gate;
  gate.answer = failure("database", "gone");
  int failed = 0;
  {
    GroupCommit<Item> group({}, gate.commit());
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(group.add({"a"}, [&](const Result<void>& result) { failed += !result; }));
    gate.let(100);
  }
  EXPECT_EQ(failed, 3);
}

TEST(GroupCommit, RefusesBeyondTheQueueAndTakesAgainAfterwards) {
  Gate gate;
  GroupCommit<Item> group({.queue_bytes = 10, .linger = std::chrono::milliseconds(0)}, gate.commit());
  std::promise<void> first;
  const auto ignore = [](const Result<void>&) {};
  ASSERT_TRUE(group.add({"first"}, [&](const Result<void>&) { first.set_value(); }));
  gate.wait_entered(1);
  EXPECT_TRUE(group.add({"12345"}, ignore));
  EXPECT_TRUE(group.add({"67890"}, ignore));
  EXPECT_FALSE(group.add({"x"}, ignore));
  gate.let(1);
  first.get_future().wait();
  gate.wait_entered(2);
  EXPECT_TRUE(group.add({"larger than the whole queue"}, ignore));
  gate.let(100);
}

TEST(GroupCommit, GroupsAreLimitedInItemsAndBytes) {
  Gate gate;
  gate.let(100);
  {
    GroupCommit<Item> group({.most_items = 2, .most_bytes = 4, .linger = std::chrono::milliseconds(50)}, gate.commit());
    for (const char* text : {"a", "b", "c", "dddd", "eeeeeeee"})
      ASSERT_TRUE(group.add({text}, [](const Result<void>&) {}));
  }
  std::vector<std::string> all;
  for (const auto& items : gate.groups) {
    EXPECT_LE(items.size(), 2U);
    std::size_t bytes = 0;
    for (const std::string& item : items) bytes += item.size();
    EXPECT_TRUE(bytes <= 4 || items.size() == 1);
    all.insert(all.end(), items.begin(), items.end());
  }
  EXPECT_THAT(all, testing::ElementsAre("a", "b", "c", "dddd", "eeeeeeee"));
}

}  // namespace
}  // namespace osprey::server::db
