// osprey_limits and osprey_scan_errors, and what they are filled from.
#include "agent/limits/limits.h"

#include <gmock/gmock.h>

#include <cerrno>

#include "agent/limits/io_limits.h"
#include "agent/limits/scan_errors.h"
#include "agent/tables/tables.h"
#include "sql/connection.h"

namespace osprey::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class LimitsTest : public testing::Test {
 protected:
  LimitsTest() {
    registry_.add(tables::entries());
    services_.provide(limits_);
    services_.provide(errors_);
  }
  // Rows of a query, values joined by bars.
  std::vector<std::string> ask(std::string_view sql) {
    sql::Connection connection({.registry = &registry_, .services = &services_});
    auto statement = std::move(**connection.prepare(sql));
    std::vector<std::string> rows;
    while (*statement.step()) {
      std::string row;
      for (std::size_t i = 0; i < statement.size(); ++i) row += (i ? "|" : "") + std::string(statement.text(i));
      rows.push_back(row);
    }
    return rows;
  }

  sql::Registry registry_;
  sql::Services services_;
  Limits limits_;
  ScanErrors errors_;
};

TEST_F(LimitsTest, WhoeverEnforcesALimitReportsIt) {  // LIM-01
  EXPECT_THAT(ask("SELECT * FROM osprey_limits"), IsEmpty());
  limits_.add([] {
    return std::vector<Limit>{{"disk", "agent", "hard", "store", 100, 40, 60, "bytes", 2, 1700000000, "disk_limit_mb"},
                              {"cgroup_cpu", "agent", "hard", "watcher"}};
  });
  linux::IoBudget budget({.bytes = 1 << 20, .opens = 0});
  limits_.add([&] { return io_limits(budget); });
  EXPECT_THAT(ask("SELECT * FROM osprey_limits"),
              ElementsAre("disk|agent|hard|store|100|40|60|bytes|2|1700000000|disk_limit_mb",
                          "cgroup_cpu|agent|hard|watcher||||"
                          "|0||",
                          "io_budget_bytes|agent|hard|worker|1048576|0|0|bytes per second|0||io_budget_mb",
                          "io_budget_files|agent|hard|none||0|0|files per second|0||io_budget_files"));
}

TEST_F(LimitsTest, RatesOfTheBudgetAreFlags) {  // LIM-13
  Flags flags;
  EXPECT_GT(io_rates(flags).bytes, 0u);
  EXPECT_GT(io_rates(flags).opens, 0u);
  flags.set("io_budget_mb", "3");
  flags.set("io_budget_files", "0");
  EXPECT_EQ(io_rates(flags).bytes, 3u << 20);
  EXPECT_EQ(io_rates(flags).opens, 0u);
}

TEST_F(LimitsTest, ScanErrorsAreCountedByKind) {
  sql::Warnings warnings;
  warnings.add("file", {EACCES, "/root/x", "Permission denied"});
  warnings.add("users", {0, "/etc/passwd", "line 3 has no uid"});
  errors_.add("pack_a_files", warnings);
  errors_.add("pack_a_files", warnings);
  errors_.add("other", warnings);
  const auto all =
      "SELECT table_name, path, operation, errno, error, query_name, count FROM osprey_scan_errors ORDER BY "
      "query_name, "
      "path";
  EXPECT_THAT(ask(all), ElementsAre("users|/etc/passwd|parse|0|line 3 has no uid|other|1",
                                    "file|/root/x|open|13|Permission denied|other|1",
                                    "users|/etc/passwd|parse|0|line 3 has no uid|pack_a_files|2",
                                    "file|/root/x|open|13|Permission denied|pack_a_files|2"));
  // Looking at them adds none.
  EXPECT_EQ(ask(all).size(), 4u);
  EXPECT_EQ(errors_.list().size(), 4u);
}

TEST_F(LimitsTest, ScanErrorsAreBoundedTheLeastRecentOutFirst) {
  for (std::size_t i = 0; i < ScanErrors::kCap + 10; ++i) {
    sql::Warnings warnings;
    warnings.add("file", {EACCES, "/" + std::to_string(i), "Permission denied"});
    warnings.add("file", {EACCES, "/always", "Permission denied"});
    errors_.add("q", warnings);
  }
  const auto all = errors_.list();
  EXPECT_EQ(all.size(), ScanErrors::kCap);
  EXPECT_EQ(all.front().path, "/always");
  EXPECT_EQ(all.front().count, ScanErrors::kCap + 10);
  for (const auto& one : all) EXPECT_NE(one.path, "/0");
}

}  // namespace
}  // namespace osprey::agent
