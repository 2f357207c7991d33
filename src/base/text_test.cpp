#include "base/text.h"

#include <gtest/gtest.h>

namespace osprey {
namespace {

TEST(Text, FieldsAndPieces) {
  EXPECT_EQ(fields("  a \t b\n"), (std::vector<std::string_view>{"a", "b"}));
  EXPECT_EQ(split("a::b:", ':'), (std::vector<std::string_view>{"a", "", "b", ""}));
  std::string_view rest = "name=value=x";
  EXPECT_EQ(take_until(rest, '='), "name");
  EXPECT_EQ(rest, "value=x");
  EXPECT_EQ(take_until(rest, '!'), "value=x");
  EXPECT_EQ(rest, "");
}

TEST(Text, LinesWithEitherLineEndAndAnUnfinishedLast) {
  std::vector<std::string_view> lines;
  for (const auto line : Lines("a\r\n\nb")) lines.push_back(line);
  EXPECT_EQ(lines, (std::vector<std::string_view>{"a", "", "b"}));
  for (const auto line : Lines("")) FAIL() << line;
}

TEST(Text, NumbersAreWholeFields) {
  EXPECT_EQ(parse<int>("42"), 42);
  EXPECT_EQ(parse<int>("-7"), -7);
  EXPECT_EQ(parse<unsigned>("ff", 16), 255u);
  for (const auto* bad : {"", " 1", "1 ", "1x", "0x1", "99999999999999999999"}) EXPECT_FALSE(parse<int>(bad)) << bad;
  EXPECT_EQ(parse_double("0.25"), 0.25);
  EXPECT_FALSE(parse_double("0.25s"));
}

TEST(Text, ValidUtf8) {
  for (const auto* good : {"", "plain ascii text", "h\xC3\xA9llo", "\xE6\x97\xA5", "\xF0\x9F\x98\x80"})
    EXPECT_TRUE(is_valid_utf8(good)) << good;
  // Overlong forms, a surrogate, beyond U+10FFFF, a lone continuation, a sequence cut short.
  for (const auto* bad :
       {"\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\x80", "eight bytes\xE6\x97"})
    EXPECT_FALSE(is_valid_utf8(bad));
}

TEST(Text, InvalidBytesAreEscapedAndTheRestKept) {
  EXPECT_EQ(escape_invalid_utf8("a\xFF"
                                "b\xC3\xA9\xC3"),
            "a\\xFFb\xC3\xA9\\xC3");
}

TEST(Text, NearestName) {
  const std::vector<std::string_view> names = {"users", "groups", "processes"};
  EXPECT_EQ(nearest("user", names), "users");
  EXPECT_EQ(nearest("proceses", names), "processes");
  EXPECT_EQ(nearest("usres", names), "users");
  EXPECT_EQ(nearest("xyz", names), std::nullopt);
}

}  // namespace
}  // namespace osprey
