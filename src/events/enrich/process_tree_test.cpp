#include "events/enrich/process_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace osprey::events {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t kSecond = 1'000'000'000;

Actor actor(ProcessKey process, std::string_view path, ProcessKey parent = {}) {
  Actor made{.process = process, .parent = parent};
  made.path = path;
  made.name = path.substr(path.rfind('/') + 1);
  made.cmdline = path;
  return made;
}

std::vector<std::int64_t> ancestors(const ProcessTree& tree, ProcessKey process, std::uint64_t moment = 0) {
  std::vector<std::int64_t> pids{-1};
  if (const auto known = tree.find(process, moment)) tree.ancestors(*known, pids);
  return pids;
}

std::string path(const ProcessTree& tree, ProcessKey process, std::uint64_t moment = 0) {
  const auto known = tree.find(process, moment);
  return known ? std::string(known->path) : "unknown";
}

const ProcessKey kInit{1, 1'000'003};
const ProcessKey kShell{100, kSecond + 1};
const ProcessKey kChild{200, 2 * kSecond + 2};
const ProcessKey kGrandchild{300, 3 * kSecond + 3};

// EVT-27: ancestry without a look at /proc.
TEST(ProcessTree, ChildrenHaveTheirParentsProgramUntilTheyRunTheirOwn) {
  ProcessTree tree;
  tree.add(actor(kInit, "/sbin/init"), kSecond);
  tree.fork(kInit, kShell);
  EXPECT_EQ(path(tree, kShell), "/sbin/init");
  tree.exec(actor(kShell, "/bin/sh"), kSecond + 5);
  tree.fork(kShell, kChild);
  EXPECT_EQ(path(tree, kChild), "/bin/sh");
  EXPECT_EQ(path(tree, kShell, kSecond + 2), "/sbin/init");
  EXPECT_THAT(ancestors(tree, kChild), ElementsAre(100, 1));
}

// Every order of what happened gives the same.
TEST(ProcessTree, OrdersDoNotMatter) {
  using Step = std::function<void(ProcessTree&)>;
  const std::vector<Step> steps = {
      [](ProcessTree& tree) { tree.fork(kInit, kShell); },
      [](ProcessTree& tree) { tree.exec(actor(kShell, "/bin/sh", kInit), kSecond + 5); },
      [](ProcessTree& tree) { tree.fork(kShell, kChild); },
      // The child execs after the grandchild was forked.
      [](ProcessTree& tree) { tree.fork(kChild, kGrandchild); },
      [](ProcessTree& tree) { tree.exec(actor(kChild, "/bin/date", kInit), 3 * kSecond + 9); },
      [](ProcessTree& tree) { tree.exit(kShell, 2 * kSecond + 9); },
      [](ProcessTree& tree) { tree.exit(kChild, 4 * kSecond); },
  };
  std::vector<std::size_t> order(steps.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  do {
    ProcessTree tree;
    tree.add(actor(kInit, "/sbin/init"), kSecond);
    for (const auto step : order) steps[step](tree);
    const auto said = testing::PrintToString(order);
    ASSERT_EQ(path(tree, kGrandchild), "/bin/sh") << said;
    ASSERT_EQ(path(tree, kChild), "/bin/date") << said;
    ASSERT_EQ(path(tree, kChild, 3 * kSecond), "/bin/sh") << said;
    ASSERT_THAT(ancestors(tree, kGrandchild), ElementsAre(200, 100, 1)) << said;
    const auto above = tree.lineage(kGrandchild);
    ASSERT_EQ(above.size(), 4U) << said;
    ASSERT_TRUE(above.at(1).exited && above.at(1).reparented) << said;
    ASSERT_TRUE(above.at(2).exited && above.at(2).reparented) << said;
    ASSERT_FALSE(above.at(3).exited || above.at(3).reparented) << said;
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(ProcessTree, ParentsAreThoseWhoForkedNotThoseWhoAdopted) {
  ProcessTree tree;
  tree.add(actor(kInit, "/sbin/init"), kSecond);
  tree.exec(actor(kChild, "/usr/bin/daemon", kInit), 3 * kSecond);
  EXPECT_THAT(ancestors(tree, kChild), ElementsAre(1));
  tree.fork(kShell, kChild);
  EXPECT_THAT(ancestors(tree, kChild), ElementsAre(100));
  tree.exec(actor(kChild, "/usr/bin/daemon", kInit), 4 * kSecond);
  EXPECT_THAT(ancestors(tree, kChild), ElementsAre(100));
}

TEST(ProcessTree, PidsComeAgain) {
  ProcessTree tree;
  const ProcessKey first{500, 5 * kSecond + 1};
  const ProcessKey second{500, 9 * kSecond + 1};
  tree.fork(kInit, first);
  tree.fork(kShell, second);
  tree.exec(actor(second, "/bin/second"), 9 * kSecond + 2);
  tree.exec(actor(first, "/bin/first"), 5 * kSecond + 2);
  EXPECT_EQ(path(tree, first), "/bin/first");
  EXPECT_EQ(path(tree, second), "/bin/second");
  EXPECT_THAT(ancestors(tree, first), ElementsAre(1));
  EXPECT_THAT(ancestors(tree, second), ElementsAre(100));
  // By the moment, for who knows no start.
  EXPECT_EQ(path(tree, {500, 0}, 6 * kSecond), "/bin/first");
  EXPECT_EQ(path(tree, {500, 0}, 10 * kSecond), "/bin/second");
  EXPECT_EQ(path(tree, {500, 0}, 4 * kSecond), "unknown");
  tree.exit(second, 11 * kSecond);
  EXPECT_EQ(path(tree, {500, 0}, 11 * kSecond), "/bin/second");
  EXPECT_EQ(path(tree, {500, 0}, 12 * kSecond), "unknown");
}

TEST(ProcessTree, StartsAreComparedAsExactlyAsTheyAreKnown) {
  ProcessTree tree;
  const std::uint64_t start = 5 * kSecond + 7'654'321;
  tree.add(actor({500, 5 * kSecond}, "/bin/seeded"), 6 * kSecond);  // as /proc has it
  EXPECT_EQ(path(tree, {500, start}), "/bin/seeded");
  tree.exec(actor({500, start}, "/bin/other"), 7 * kSecond);
  EXPECT_EQ(path(tree, {500, 5 * kSecond}), "/bin/other");
  EXPECT_EQ(tree.find({500, 0}, 8 * kSecond)->process.start, start);
  EXPECT_EQ(path(tree, {500, start + 1}), "unknown");
  EXPECT_EQ(tree.usage().processes, 1U);
}

// As with audit, which knows no start times.
TEST(ProcessTree, AProcessOfUnknownStartIsOneUntilItsPidComesAgain) {
  ProcessTree tree;
  tree.exec(actor({500, 0}, "/bin/a", {400, 0}), 5 * kSecond + 123);
  tree.exec(actor({500, 0}, "/bin/b", {400, 0}), 6 * kSecond);
  EXPECT_EQ(tree.usage().processes, 2U);
  EXPECT_EQ(path(tree, {500, 0}, 7 * kSecond), "/bin/b");
  EXPECT_EQ(tree.find({500, 0}, 7 * kSecond)->process.start, 5 * kSecond);
  tree.exit({500, 0}, 8 * kSecond);
  tree.exec(actor({500, 0}, "/bin/c", {400, 0}), 9 * kSecond);
  EXPECT_EQ(path(tree, {500, 0}, 9 * kSecond), "/bin/c");
  EXPECT_EQ(path(tree, {500, 0}, 7 * kSecond), "/bin/b");
  EXPECT_THAT(ancestors(tree, {500, 0}), ElementsAre(400));
  // Somebody else knows better.
  tree.add(actor({400, 2 * kSecond + 5}, "/bin/parent"), 9 * kSecond);
  EXPECT_EQ(tree.usage().processes, 3U);
  EXPECT_EQ(tree.find({400, 0}, 9 * kSecond)->process.start, 2 * kSecond + 5);
}

TEST(ProcessTree, IdsChangeAndArePassedOn) {
  ProcessTree tree;
  Actor shell = actor(kShell, "/bin/su");
  shell.ids.uid = 0;
  shell.ids.login_uid = 7;
  shell.cgroup_path = "/user.slice";
  tree.exec(shell, 2 * kSecond);
  Actor changed{.process = kShell};
  changed.ids.uid = 33;
  tree.change_ids(changed, 3 * kSecond);
  // Late: what it ran when its ids changed.
  tree.exec(actor(kShell, "/bin/dash"), 2 * kSecond + 5);
  const ProcessKey child{600, 4 * kSecond + 1};
  tree.fork(kShell, child);
  const auto known = tree.find(child, 0);
  ASSERT_TRUE(known);
  EXPECT_EQ(known->ids.uid, 33U);
  EXPECT_EQ(known->ids.login_uid, 7U);
  EXPECT_FALSE(known->ids.euid);
  EXPECT_EQ(known->path, "/bin/dash");
  EXPECT_EQ(known->cgroup_path, "/user.slice");
  EXPECT_EQ(tree.find(kShell, 2 * kSecond + 9)->ids.uid, 0U);
}

TEST(ProcessTree, AThreadsEndIsNotTheProcesss) {
  ProcessTree tree;
  tree.fork(kInit, kShell);
  tree.exit(kShell, 2 * kSecond);
  tree.exec(actor(kShell, "/bin/sh"), 3 * kSecond);
  EXPECT_EQ(path(tree, {100, 0}, 4 * kSecond), "/bin/sh");
  EXPECT_EQ(tree.usage().exited, 0U);
}

TEST(ProcessTree, WhoEndedIsForgottenAfterItsTimeUnlessSomebodyDescendsFromIt) {
  ProcessTree tree(ProcessTree::Limits{.keep = 10 * kSecond});
  tree.fork(kInit, kShell);
  tree.fork(kShell, kChild);
  tree.fork(kChild, kGrandchild);
  tree.exit(kShell, 4 * kSecond);
  tree.exit(kChild, 5 * kSecond);
  tree.exec(actor(kGrandchild, "/bin/x"), 100 * kSecond);
  EXPECT_THAT(ancestors(tree, kGrandchild), ElementsAre(200, 100, 1));
  tree.exit(kGrandchild, 101 * kSecond);
  tree.exec(actor(kInit, "/sbin/init"), 105 * kSecond);
  EXPECT_THAT(ancestors(tree, kGrandchild), ElementsAre(200, 100, 1));
  tree.exec(actor(kInit, "/sbin/init"), 200 * kSecond);
  EXPECT_EQ(tree.usage().processes, 1U);
  EXPECT_THAT(tree.lineage(kShell), IsEmpty());
  EXPECT_EQ(tree.usage().forgotten, 0U);
}

TEST(ProcessTree, WhoHadAPidLastIsFoundForWhatWasReadLate) {
  ProcessTree tree;
  tree.fork(kInit, kShell);
  tree.exec(actor(kShell, "/bin/sh"), 2 * kSecond);
  tree.exit(kShell, 3 * kSecond);
  EXPECT_FALSE(tree.find({100, 0}, 4 * kSecond));
  const auto late = tree.find_late({100, 0}, 4 * kSecond, 2 * kSecond);
  ASSERT_TRUE(late);
  EXPECT_EQ(late->process, kShell);
  EXPECT_EQ(late->path, "/bin/sh");
  EXPECT_FALSE(tree.find_late({100, 0}, 6 * kSecond, 2 * kSecond));
  EXPECT_FALSE(tree.find_late({101, 0}, 4 * kSecond, 2 * kSecond));
}

TEST(ProcessTree, MissedEndsAreMadeUpFor) {
  ProcessTree tree;
  tree.exec(actor({500, 0}, "/bin/a"), 5 * kSecond);
  tree.exec(actor({501, 0}, "/bin/b"), 5 * kSecond);
  tree.exec(actor({502, 0}, "/bin/new"), 9 * kSecond);
  const std::vector<pid_t> alive = {1, 501};
  tree.reap(alive, 9 * kSecond);
  EXPECT_EQ(tree.usage().exited, 1U);
  EXPECT_EQ(path(tree, {500, 0}, 10 * kSecond), "unknown");
  EXPECT_EQ(path(tree, {501, 0}, 10 * kSecond), "/bin/b");
}

TEST(ProcessTree, NonsenseDoesNoHarm) {
  ProcessTree tree;
  tree.fork(kShell, kShell);
  tree.fork(kShell, kChild);
  tree.fork(kChild, kShell);
  tree.fork({-1, 5}, {0, 5});
  tree.fork({1LL << 40, 5}, {-5, 0});
  tree.exit({}, 5);
  tree.change_ids(actor({77, 7}, "/x"), 9);
  EXPECT_THAT(ancestors(tree, kChild), ElementsAre(100));
  EXPECT_THAT(ancestors(tree, kShell), IsEmpty());
}

// A storm of short processes stays within the bound, and who is alive keeps its ancestors.
TEST(ProcessTree, AStormIsBounded) {
  const std::size_t cap = 1 << 20;
  ProcessTree tree(ProcessTree::Limits{.bytes = cap});
  tree.add(actor(kInit, "/sbin/init"), kSecond);
  tree.fork(kInit, kShell);
  tree.exec(actor(kShell, "/bin/sh", kInit), kSecond + 9);
  std::size_t most = 0;
  for (std::uint64_t i = 0; i < 1'000'000; ++i) {
    const std::uint64_t start = 2 * kSecond + i * 10'001;
    const ProcessKey key{static_cast<std::int64_t>(1000 + i % 30'000), start};
    const std::string line = "/bin/true " + std::to_string(i);
    tree.fork(kShell, key);
    Actor run = actor(key, "/bin/true", kShell);
    run.cmdline = line;
    tree.exec(run, start + 100);
    tree.exit(key, start + 200);
    if (i % 1000 == 0) most = std::max(most, tree.usage().bytes);
  }
  EXPECT_LE(most, cap);
  EXPECT_GT(most, cap / 2);
  EXPECT_EQ(tree.usage().refused, 0U);
  EXPECT_THAT(ancestors(tree, kShell), ElementsAre(1));
  EXPECT_EQ(path(tree, kShell), "/bin/sh");
}

// Each forks the next and ends: all those that are gone have a living descendant.
TEST(ProcessTree, AChainOfTheDeadIsCutWhereItIsOldest) {
  ProcessTree tree(ProcessTree::Limits{.bytes = 64 << 10});
  tree.add(actor(kInit, "/sbin/init"), kSecond);
  ProcessKey last = kInit;
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    const ProcessKey next{static_cast<std::int64_t>(10 + i % 32'000), 2 * kSecond + i * 1001};
    tree.fork(last, next);
    if (last != kInit) tree.exit(last, next.start + 500);
    last = next;
  }
  EXPECT_EQ(tree.usage().refused, 0U);
  EXPECT_GT(tree.usage().cut, 0U);
  EXPECT_LE(tree.usage().bytes, 64U << 10);
  EXPECT_EQ(ancestors(tree, last).size(), ProcessTree::kAncestors);
  EXPECT_EQ(path(tree, last), "/sbin/init");
}

TEST(ProcessTree, WhenAllAreAliveNewOnesAreRefusedAndCounted) {
  ProcessTree tree(ProcessTree::Limits{.bytes = 16 << 10});
  for (std::int64_t i = 1; i < 1000; ++i) tree.fork(kInit, {i + 10, kSecond + static_cast<std::uint64_t>(i)});
  EXPECT_GT(tree.usage().refused, 0U);
  EXPECT_LE(tree.usage().bytes, 16U << 10);
  // What it ran is not told any more, as it is not true.
  tree.exec(actor({11, kSecond + 1}, "/bin/x"), 2 * kSecond);
  EXPECT_EQ(path(tree, {11, kSecond + 1}), "");
}

// Random forests, told out of order, against a model that has them in order.
class Forest {
 public:
  struct Process {
    ProcessKey key;
    std::size_t parent = 0;
    std::vector<std::pair<std::uint64_t, std::string>> ran;  // own
    std::uint64_t end = UINT64_MAX;
  };
  struct Told {
    std::uint64_t moment;
    std::function<void(ProcessTree&)> tell;
  };

  explicit Forest(unsigned seed) : random_(seed) {
    processes_.push_back({.key = kInit, .ran = {{0, "/sbin/init"}}});
    for (int i = 0; i < 400; ++i) step();
  }

  // What was told at the moment M becomes known between M and M + disorder.
  void tell(ProcessTree& tree, std::uint64_t disorder) {
    for (auto& one : told_) one.moment += pick(disorder + 1);
    std::stable_sort(told_.begin(), told_.end(), [](auto& a, auto& b) { return a.moment < b.moment; });
    for (const auto& one : told_) one.tell(tree);
  }

  const std::vector<Process>& processes() const { return processes_; }

  std::vector<std::int64_t> ancestors(std::size_t of) const {
    std::vector<std::int64_t> pids;
    while (of != 0 && pids.size() < ProcessTree::kAncestors) {
      of = processes_[of].parent;
      pids.push_back(processes_[of].key.pid);
    }
    return pids;
  }

  // Of many programs that one ran after each other the first ones are forgotten.
  bool is_forgotten(std::size_t of) const {
    while (of != 0 && processes_[of].ran.size() < 4) of = processes_[of].parent;
    return processes_[of].ran.size() >= 4;
  }

  std::string path(std::size_t of, std::uint64_t moment) const {
    for (;; of = processes_[of].parent) {
      const auto& process = processes_[of];
      for (auto ran = process.ran.rbegin(); ran != process.ran.rend(); ++ran)
        if (ran->first <= moment) return ran->second;
      moment = process.key.start;
    }
  }

 private:
  std::size_t pick(std::size_t below) { return std::uniform_int_distribution<std::size_t>(0, below - 1)(random_); }

  void step() {
    now_ += 1 + pick(1000);
    std::vector<std::size_t> alive;
    for (std::size_t i = 0; i < processes_.size(); ++i)
      if (processes_[i].end == UINT64_MAX) alive.push_back(i);
    const auto who = alive[pick(alive.size())];
    switch (pick(4)) {
      case 0:
      case 1: {
        // Few pids, so that they come again.
        const auto pid = static_cast<std::int64_t>(2 + pick(40));
        if (std::any_of(alive.begin(), alive.end(), [&](auto i) { return processes_[i].key.pid == pid; })) return;
        const ProcessKey parent = processes_[who].key;
        const ProcessKey child{pid, now_};
        processes_.push_back({.key = child, .parent = who});
        told_.push_back({now_, [=](ProcessTree& tree) { tree.fork(parent, child); }});
        return;
      }
      case 2: {
        const ProcessKey key = processes_[who].key;
        // Three within the time of disorder are fewer than are remembered.
        auto& ran = processes_[who].ran;
        if (ran.size() >= 3 && ran[ran.size() - 3].first + 25'000 > now_) return;
        ran.emplace_back(now_, "/bin/" + std::to_string(now_));
        const auto parent = processes_[processes_[who].parent].key;
        told_.push_back({now_, [=, path = ran.back().second, now = now_](ProcessTree& tree) {
                           tree.exec(actor(key, path, parent), now);
                         }});
        return;
      }
      default:
        if (who == 0) return;
        processes_[who].end = now_;
        told_.push_back({now_, [=, key = processes_[who].key, now = now_](ProcessTree& tree) { tree.exit(key, now); }});
    }
  }

  std::mt19937 random_;
  std::uint64_t now_ = 1'000'000'001;
  std::vector<Process> processes_;
  std::vector<Told> told_;
};

TEST(ProcessTree, RandomForestsToldOutOfOrderAreAsTheyWere) {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    Forest forest(seed);
    ProcessTree tree;
    tree.add(actor(kInit, "/sbin/init"), kInit.start);
    forest.tell(tree, seed % 3 == 0 ? 0 : 20'000);
    const auto& processes = forest.processes();
    for (std::size_t i = 0; i < processes.size(); ++i) {
      const auto& process = processes[i];
      const auto said = "seed " + std::to_string(seed) + " process " + testing::PrintToString(process.key.pid) +
                        " of " + std::to_string(process.key.start);
      ASSERT_EQ(ancestors(tree, process.key), forest.ancestors(i)) << said;
      const auto end = std::min(process.end, 2 * kSecond);
      ASSERT_EQ(path(tree, process.key, end), forest.path(i, end)) << said;
      if (forest.is_forgotten(i)) continue;
      ASSERT_EQ(path(tree, process.key, process.key.start), forest.path(i, process.key.start)) << said;
    }
  }
}

}  // namespace
}  // namespace osprey::events
