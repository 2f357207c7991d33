#include "linux/files/crontab.h"

#include <gtest/gtest.h>

namespace osprey::linux {
namespace {

TEST(Crontab, FieldsAndCommand) {
  const auto found = parse_crontab("# m h dom mon dow\n*/5 1,2 * jan-mar 0\troot  test -x   /bin/a && /bin/a\n");
  ASSERT_EQ(found.entries.size(), 1u);
  const auto& entry = found.entries[0];
  EXPECT_EQ(entry.line, 2u);
  EXPECT_EQ(entry.event, std::nullopt);
  EXPECT_EQ(entry.minute, "*/5");
  EXPECT_EQ(entry.hour, "1,2");
  EXPECT_EQ(entry.day_of_month, "*");
  EXPECT_EQ(entry.month, "jan-mar");
  EXPECT_EQ(entry.day_of_week, "0");
  EXPECT_EQ(entry.command, "root test -x /bin/a && /bin/a");
}

TEST(Crontab, Events) {
  const auto found = parse_crontab("  @reboot /bin/start now\n@daily\n");
  ASSERT_EQ(found.entries.size(), 1u);
  EXPECT_EQ(found.entries[0].event, "@reboot");
  EXPECT_EQ(found.entries[0].minute, std::nullopt);
  EXPECT_EQ(found.entries[0].command, "/bin/start now");
  EXPECT_EQ(found.skipped, 1u);
}

TEST(Crontab, VariablesAreNoEntries) {
  const auto found = parse_crontab("MAILTO=root\nPATH = /a /b /c /d /e /f\n\"X\"=1\nSHELL=/bin/sh -c a b c d e\n");
  EXPECT_TRUE(found.entries.empty());
  EXPECT_EQ(found.skipped, 0u);
}

TEST(Crontab, TooFewFieldsAndHugeLines) {
  const auto found = parse_crontab("1 2 3 4 5\n1 2\n* * * * * " + std::string(1 << 16, 'a') + "\r\n");
  ASSERT_EQ(found.entries.size(), 1u);
  EXPECT_EQ(found.entries[0].command.size(), std::size_t{1} << 16);
  EXPECT_EQ(found.skipped, 2u);
}

}  // namespace
}  // namespace osprey::linux
