#include "agent/shell/dot_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace osprey::agent::shell {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(DotTokens, WordsAndQuotes) {
  EXPECT_THAT(dot_tokens("print hello \"two words\" 'and more' x"),
              ElementsAre("print", "hello", "two words", "and more", "x"));
  EXPECT_THAT(dot_tokens("  \t "), IsEmpty());
  EXPECT_THAT(dot_tokens("nullvalue ''"), ElementsAre("nullvalue", ""));
}

TEST(DotTokens, EscapesOutsideSingleQuotes) {
  EXPECT_THAT(dot_tokens(R"(a\tb "c\nd" 'e\nf' \101 \\)"), ElementsAre("a\tb", "c\nd", "e\\nf", "A", "\\"));
}

TEST(DotTokens, UnfinishedIsTakenAsItStands) {
  EXPECT_THAT(dot_tokens("print \"open"), ElementsAre("print", "open"));
  EXPECT_THAT(dot_tokens("print \\"), ElementsAre("print", "\\"));
}

TEST(DotTokens, FiftyAtMost) {
  std::string line;
  for (int i = 0; i < 80; ++i) line += "x ";
  EXPECT_EQ(dot_tokens(line).size(), 50u);
}

}  // namespace
}  // namespace osprey::agent::shell
