#include "sql/functions/testing.h"

namespace osprey::sql {
namespace {

using StringsTest = FunctionsTest;

TEST_F(StringsTest, SplitTakesAnyOfTheSeparators) {
  EXPECT_EQ(value("split('a:b;c', ';:', 2)"), "c");
  EXPECT_EQ(value("split(';:;', ';:', 0)"), "<NULL>");
  EXPECT_EQ(value("split(' , x ,', ',', 0)"), "x");
  EXPECT_EQ(value("split('a b', ' ', 4294967296)"), "<NULL>");
}

TEST_F(StringsTest, ConcatKeepsWhatFollowsANul) {
  EXPECT_EQ(value("hex(concat('a', char(0), 'b'))"), "610062");
  EXPECT_EQ(value("hex(concat_ws(char(0), 'a', 'b'))"), "610062");
}

TEST_F(StringsTest, ConcatOfBlobsIsText) { EXPECT_EQ(run("concat(x'', x'41')"), (Outcome{false, "A", "text"})); }

TEST_F(StringsTest, TooLongIsAnError) {
  sqlite3_limit(connection_, SQLITE_LIMIT_LENGTH, 1000);
  EXPECT_EQ(value("concat(printf('%.*c', 900, 'x'), printf('%.*c', 900, 'x'))"), "error: string or blob too big");
}

}  // namespace
}  // namespace osprey::sql
