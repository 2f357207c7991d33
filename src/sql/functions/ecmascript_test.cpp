#include "sql/functions/ecmascript.h"

#include <gtest/gtest.h>

namespace osprey::sql {
namespace {

// In UTF-8; "invalid" where the pattern is none.
std::string translate(std::string_view pattern) {
  const auto translated = translate_ecmascript(pattern, TextEncoding::utf8);
  return translated ? translated->syntax : "invalid";
}

bool needs_backtracking(std::string_view pattern) {
  return translate_ecmascript(pattern, TextEncoding::utf8).value().needs_backtracking;
}

TEST(Ecmascript, WhatTheEnginesReadDifferently) {
  EXPECT_EQ(translate("a.$"), "a[^\\x{a}\\x{d}]\\z");
  EXPECT_EQ(translate("\\s"), "[\\x{9}-\\x{d}\\x{20}]");
  EXPECT_EQ(translate("[]|[^]"), "[^\\x{0}-\\x{10ffff}]|[\\x{0}-\\x{10ffff}]");
  EXPECT_EQ(translate("(a)\\1{2,}?"), "(a)\\g{1}{2,}?");
  EXPECT_EQ(translate("[a\\]-_é]"), "[\\x{61}\\x{5d}-\\x{5f}é]");
  EXPECT_EQ(translate_ecmascript("\\u0141[^\\S]", TextEncoding::bytes)->syntax,
            "\\x{41}[^\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{ff}]");
}

TEST(Ecmascript, WhatIsBeyondRe2) {
  EXPECT_TRUE(needs_backtracking("a(?=b)"));
  EXPECT_TRUE(needs_backtracking("a(?!b)"));
  EXPECT_TRUE(needs_backtracking("(a)\\1"));
  EXPECT_FALSE(needs_backtracking("(?:a)\\0[(?=]"));
}

TEST(Ecmascript, ClosingBracketsAloneAreCharacters) { EXPECT_EQ(translate("]}"), "\\]\\}"); }

TEST(Ecmascript, WhatIsNoPattern) {
  for (const std::string_view pattern : {"[",
                                         "(",
                                         ")",
                                         "a)",
                                         "(?<a>b)",
                                         "(?<=a)b",
                                         "(?i)a",
                                         "*",
                                         "+a",
                                         "?",
                                         "{2}",
                                         "a**",
                                         "a{2}{3}",
                                         "a{",
                                         "a{2",
                                         "a{,2}",
                                         "a{3,2}",
                                         "a{2x}",
                                         "a{99999999999}",
                                         "^*",
                                         "\\b+",
                                         "(?=a)*",
                                         "|*",
                                         "\\",
                                         "\\1",
                                         "(a)\\2",
                                         "\\a",
                                         "\\A",
                                         "\\z",
                                         "\\Q",
                                         "\\pL",
                                         "\\_",
                                         "\\xg1",
                                         "\\x1",
                                         "\\u123",
                                         "\\c1",
                                         "\\c",
                                         "[a",
                                         "[a\\",
                                         "[a-\\d]",
                                         "[a-[:alpha:]]",
                                         "[[:nosuch:]]",
                                         "[[:alpha:]",
                                         "[[:alpha",
                                         "[[.ab.]]"}) {
    EXPECT_EQ(translate(pattern), "invalid") << pattern;
  }
}

}  // namespace
}  // namespace osprey::sql
