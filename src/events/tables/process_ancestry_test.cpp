#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "events/enrich/process_tree.h"
#include "events/tables/testing.h"

namespace osprey::events::tables {
sql::Table process_ancestry();

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr sql::TableEntry kTables[] = {{"process_ancestry", process_ancestry}};

// Pids that no kernel gives: /proc has nothing of them.
constexpr std::int64_t kFar = 5'000'000;

// EVT-27, PRC-16.
class ProcessAncestry : public ::testing::Test {
 protected:
  ProcessAncestry() {
    registry_.add(kTables);
    services_.provide(tree_);
  }

  void run(ProcessKey process, std::string_view path) {
    Actor actor{.process = process};
    actor.path = path;
    actor.cmdline = path;
    actor.ids.uid = 7;
    tree_.exec(actor, process.start + 5);
  }

  std::vector<std::string> ask(std::string_view sql, bool with_tree = true) {
    return testing::rows_of(registry_, with_tree ? &services_ : nullptr, sql);
  }

  ProcessTree tree_;
  sql::Registry registry_;
  sql::Services services_;
};

TEST_F(ProcessAncestry, TheDeadAreToldAndPidsThatCameAgainAreToldApart) {
  const ProcessKey top{kFar, kSecond + 1};
  const ProcessKey shell{kFar + 1, 2 * kSecond + 1};
  const ProcessKey child{kFar + 2, 3 * kSecond + 1};
  run(top, "/sbin/top");
  tree_.fork(top, shell);
  run(shell, "/bin/sh");
  tree_.fork(shell, child);
  tree_.exit(shell, 4 * kSecond);
  const std::string columns =
      "SELECT depth, ancestor_pid, path, uid, exited, reparented, source FROM process_ancestry ";
  const auto both = ElementsAre("1|5000001|/bin/sh|7|1|1|tree", "2|5000000|/sbin/top|7|0|0|tree");
  EXPECT_THAT(ask(columns + "WHERE pid = 5000002"), both);
  tree_.exit(child, 5 * kSecond);
  const ProcessKey again{child.pid, 9 * kSecond + 1};
  tree_.fork(top, again);
  EXPECT_THAT(ask(columns + "WHERE pid = 5000002"), ElementsAre("1|5000000|/sbin/top|7|0|0|tree"));
  EXPECT_THAT(ask(columns + "WHERE process_key = '5000002-3000000001'"), both);
  EXPECT_THAT(ask(columns + "WHERE process_key = '5000002-3000000001' AND pid = 5"), IsEmpty());
  EXPECT_THAT(ask("SELECT process_key, ancestor_key FROM process_ancestry WHERE pid = 5000002"),
              ElementsAre("5000002-9000000001|5000000-1000000001"));
  EXPECT_THAT(ask(columns + "WHERE process_key IN ('x', '-', '5000009-1')"), IsEmpty());
}

TEST_F(ProcessAncestry, ElsewhereProcTells) {
  const auto self = std::to_string(::getpid());
  const auto parent = std::to_string(::getppid());
  const auto above =
      ask("SELECT ancestor_pid, exited, reparented, source FROM process_ancestry WHERE pid = " + self, false);
  ASSERT_FALSE(above.empty());
  EXPECT_EQ(above.front(), parent + "|0||proc");
  EXPECT_THAT(
      ask("SELECT max(depth) = count(*), min(ancestor_pid), min(start_time) > 1000000000, count(path) = count(*) "
          "FROM process_ancestry WHERE pid = " +
              self,
          false),
      ElementsAre("1|1|1|1"));
}

TEST_F(ProcessAncestry, ProcGoesOnWhereTheTreeEnds) {
  timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  const auto now = static_cast<std::uint64_t>(time.tv_sec + 1) * kSecond;
  const ProcessKey child{kFar + 3, now};
  tree_.fork({::getpid(), 0}, child);
  const auto rows = ask("SELECT ancestor_pid, source FROM process_ancestry WHERE pid = 5000003");
  ASSERT_GE(rows.size(), 2U);
  EXPECT_EQ(rows[0], std::to_string(::getpid()) + "|tree");
  EXPECT_EQ(rows[1], std::to_string(::getppid()) + "|proc");
  EXPECT_THAT(ask("SELECT name <> '' FROM process_ancestry WHERE pid = 5000003 AND depth = 1"), ElementsAre("1"));
}

TEST_F(ProcessAncestry, ItMustBeAskedAboutAProcess) {
  const auto rows = ask("SELECT * FROM process_ancestry");
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_TRUE(rows[0].starts_with("error: ")) << rows[0];
}

}  // namespace
}  // namespace osprey::events::tables
