#include "sql/functions/regex.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <regex>

#include "sql/functions/testing.h"

namespace osprey::sql {
namespace {

const Regex::Interrupted never;

// The group of the first match, "NULL" without one, "invalid" where the pattern is none.
std::string match(std::string_view text, std::string_view pattern, int group = 0,
                  TextEncoding encoding = TextEncoding::utf8) {
  const auto regex = Regex::compile(pattern, encoding);
  if (!regex) return "invalid";
  const auto found = regex->match_group(text, group, never);
  if (!found) return "error: " + found.error().text();
  return std::string(found->value_or("NULL"));
}

std::string pieces(std::string_view text, std::string_view pattern) {
  auto regex = Regex::compile(pattern, TextEncoding::utf8).value();
  std::string joined;
  for (int i = 0;; ++i) {
    const auto piece = regex.split_piece(text, i, never).value();
    if (!piece) return joined;
    joined.append("<").append(*piece).append(">");
  }
}

TEST(Regex, AlternativesAndRepeatsPreferAsBacktrackersDo) {
  EXPECT_EQ(match("abcd", "ab|abcd"), "ab");
  EXPECT_EQ(match("aaa", "a+?"), "a");
  EXPECT_EQ(match("aaa", "a{2}"), "aa");
  EXPECT_EQ(match("aaaa", "a{2,3}"), "aaa");
  EXPECT_EQ(match("aaaa", "a{1,}?"), "a");
  EXPECT_EQ(match("ab", "(a)|(b)", 2), "");
  EXPECT_EQ(match("xab", "(?:a)(b)", 1), "b");
}

TEST(Regex, Anchors) {
  EXPECT_EQ(match("a\nb", "^b"), "NULL");
  EXPECT_EQ(match("a\nb", "a$"), "NULL");
  EXPECT_EQ(match("a\n", "a$"), "NULL");
  EXPECT_EQ(match("one two", "\\btwo\\b"), "two");
  EXPECT_EQ(match("atwo", "\\Btwo"), "two");
}

TEST(Regex, TheDotStopsAtLineEnds) {
  EXPECT_EQ(match("a\rb", "a.b"), "NULL");
  EXPECT_EQ(match("a\nb", "a.b"), "NULL");
  EXPECT_EQ(match("a\vb", "a.b"), "a\vb");
  EXPECT_EQ(match("a\vb", "a\\sb"), "a\vb");
  EXPECT_EQ(match("a\vb", "a\\Sb"), "NULL");
}

TEST(Regex, Escapes) {
  EXPECT_EQ(match("a/b-c", "a\\/b\\-c"), "a/b-c");
  EXPECT_EQ(match("A\x01\t", "\\x41\\cA\\t"), "A\x01\t");
  EXPECT_EQ(match("é", "\\u00e9"), "é");
  EXPECT_EQ(match("é", "^\\u00e9", 0, TextEncoding::bytes), "NULL");
  EXPECT_EQ(match(std::string_view("a\0b", 3), "a\\0b"), std::string("a\0b", 3));
  EXPECT_EQ(match("{}[]().*", "\\{}\\[]\\(\\)\\.\\*"), "{}[]().*");
}

TEST(Regex, Brackets) {
  EXPECT_EQ(match("x-5", "[\\d-]+"), "-5");
  EXPECT_EQ(match("a]b", "[^\\]]+"), "a");
  EXPECT_EQ(match("a^", "[\\^]"), "^");
  EXPECT_EQ(match("b\b", "[\\b]"), "\b");
  EXPECT_EQ(match("ab9_ ", "[[:alpha:][:digit:]_]+"), "ab9_");
  EXPECT_EQ(match("a.b", "[[.a.][=.=]]+"), "a.");
  EXPECT_EQ(match("ab \v", "[\\S]+"), "ab");
  EXPECT_EQ(match("ab", "[]"), "NULL");
  EXPECT_EQ(match("ab", "[]a]"), "NULL");
  EXPECT_EQ(match("\n", "[^]"), "\n");
  EXPECT_EQ(match("[a", "[[]a"), "[a");
  EXPECT_EQ(match("zé", "[à-ÿ]"), "é");
}

TEST(Regex, BytesOrCharacters) {
  EXPECT_EQ(match("hé", ".$"), "é");
  EXPECT_EQ(match("hé", ".$", 0, TextEncoding::bytes), "\xa9");
  EXPECT_EQ(match("\xff\xfe", "[^a]+", 0, TextEncoding::bytes), "\xff\xfe");
  EXPECT_EQ(match("ééa", "é{2}a"), "ééa");
}

TEST(Regex, LookAheadAndBackReferences) {
  EXPECT_EQ(match("foobar foobaz", "foo(?=baz)..."), "foobaz");
  EXPECT_EQ(match("foobar foobaz", "foo(?!bar)..."), "foobaz");
  EXPECT_EQ(match("hello", "(.)\\1"), "ll");
  EXPECT_EQ(match("ba", "(a)?b\\1a"), "ba") << "what took no part matches as empty";
  EXPECT_EQ(match("a\r1", "a(?=.)"), "NULL");
  EXPECT_EQ(match("héé", "(.)\\1"), "éé");
}

TEST(Regex, WhatNoEngineTakes) {
  for (const std::string_view pattern : {"[b-a]", "(", "((a{9999}){9999}){9999}"}) {
    EXPECT_EQ(match("a", pattern), "invalid") << pattern;
  }
}

TEST(Regex, SplitsAsTheStandardIteratorDoes) {
  EXPECT_EQ(pieces("a,,b", ","), "<a><><b>");
  EXPECT_EQ(pieces(",a,", ","), "<><a>") << "no empty piece at the end";
  EXPECT_EQ(pieces("", ","), "<>");
  EXPECT_EQ(pieces(",", ","), "<>");
  EXPECT_EQ(pieces("abc", "x*"), "<><a><b><c>");
  EXPECT_EQ(pieces("éa", "x*"), "<><é><a>");
  EXPECT_EQ(pieces("aXbXc", "X(?=b)"), "<a><bXc>");
  EXPECT_EQ(pieces("aab", "^a"), "<><ab>");
}

TEST(Regex, SplitsInStepWithTheStandardIterator) {
  for (const std::string pattern :
       {",", "x*", "x*?", "x?", "|x", "^", "$", "\\b", "\\B", "^x", "x$", "(?=x)", "(x)\\1"}) {
    for (const std::string text : {"", "x", "xx", "a", ",", ",,", "axxb", "xxaxx", "a,b", "a b", ",a,xx,"}) {
      const std::regex regex(pattern);
      std::string expected;
      for (std::sregex_token_iterator piece(text.begin(), text.end(), regex, -1), end; piece != end; ++piece) {
        expected.append("<").append(piece->str()).append(">");
      }
      EXPECT_EQ(pieces(text, pattern), expected) << text << " by " << pattern;
    }
  }
}

TEST(Regex, NothingHangs) {
  using Clock = std::chrono::steady_clock;
  const auto text = std::string(100'000, 'a') + "cb";
  const auto start = Clock::now();
  EXPECT_EQ(match(text, "(a*)*d"), "NULL");
  EXPECT_TRUE(match(text, "^(a*)*(?=d|b)c").starts_with("error: "));
  EXPECT_TRUE(match(text, "(a+)\\1b").starts_with("error: "));
  EXPECT_TRUE(match(text, "a*a*a*(?!a)b").starts_with("error: "));
  EXPECT_EQ(match(text, "((((((((((a{99}){99}){99}){99}){99}){99}){99}){99}){99}){99})"), "invalid");
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(20));
}

TEST(Regex, IsInterrupted) {
  const auto text = std::string(100'000, 'a') + "cb";
  const Regex::Interrupted now = [] { return true; };
  EXPECT_EQ(Regex::compile("(a+)\\1b", TextEncoding::utf8)->match_group(text, 0, now).error().code, EINTR);
  EXPECT_EQ(Regex::compile("a", TextEncoding::utf8)->split_piece(text, 1000, now).error().code, EINTR);
}

using RegexTest = FunctionsTest;

TEST_F(RegexTest, PatternsOfEveryRow) {
  EXPECT_EQ(value("(select group_concat(regex_match('abc', column1, 0)) from (values ('a'), ('.$'), ('b')))"), "a,c,b");
  EXPECT_EQ(value("(select group_concat(regex_split(column1, '[,;]', 1)) from (values ('a,b'), ('é;ü'), (x'ff2cfe')))"),
            "b,ü,\xfe");
}

TEST_F(RegexTest, InterruptEndsTheStatement) {
  options_.interrupted = [] { return true; };
  EXPECT_TRUE(run("regex_match(printf('%.*c', 100000, 'a') || 'cb', '(a+)\\1b', 0)").failed);
  EXPECT_EQ(code_, SQLITE_INTERRUPT);
}

}  // namespace
}  // namespace osprey::sql
