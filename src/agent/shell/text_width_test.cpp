#include "agent/shell/text_width.h"

#include <gtest/gtest.h>

namespace osprey::agent::shell {
namespace {

TEST(TextWidth, CodePointsAndCells) {
  EXPECT_EQ(width("héllo", Measure::code_points), 5u);
  EXPECT_EQ(width("héllo", Measure::cells), 5u);
  EXPECT_EQ(width("日本語", Measure::code_points), 3u);
  EXPECT_EQ(width("日本語", Measure::cells), 6u);
  EXPECT_EQ(width("😀", Measure::code_points), 1u);
  EXPECT_EQ(width("😀", Measure::cells), 2u);
  EXPECT_EQ(width("a\u0301", Measure::code_points), 2u);
  EXPECT_EQ(width("a\u0301", Measure::cells), 1u);
  EXPECT_EQ(width("A\xff\x80", Measure::code_points), 2u) << "as recorded";
}

TEST(TextWidth, StartsDoNotBreakCharacters) {
  EXPECT_EQ(start_of("日本語", 5, Measure::cells), "日本");
  EXPECT_EQ(start_of("日本語", 2, Measure::code_points), "日本");
  EXPECT_EQ(start_of("abc", 9, Measure::cells), "abc");
  EXPECT_EQ(start_of("\xe6\x97", 1, Measure::cells), "\xe6");
}

TEST(TextWidth, Cut) {
  EXPECT_EQ(cut("abcdef", 6, Measure::cells), "abcdef");
  EXPECT_EQ(cut("abcdef", 4, Measure::cells), "abc…");
  EXPECT_EQ(cut("日本語", 4, Measure::cells), "日…");
  EXPECT_EQ(cut("abc", 0, Measure::cells), "");
}

TEST(TextWidth, NothingVisibleMovesTheCursor) {
  std::string out;
  append_visible(out, std::string_view("a\nb\tc\x1b[2J\0\x7f\xff é", 15));
  EXPECT_EQ(out, "a\\nb\\tc\\x1B[2J\\x00\\x7F\\xFF é");
}

}  // namespace
}  // namespace osprey::agent::shell
