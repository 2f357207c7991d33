#include "base/utf8.h"

#include <gtest/gtest.h>

namespace osprey {
namespace {

TEST(Utf8, CharactersAreCodePoints) {
  EXPECT_EQ(characters(""), 0U);
  EXPECT_EQ(characters("abc"), 3U);
  EXPECT_EQ(characters("жук"), 3U);
  EXPECT_EQ(characters("虫🐞"), 2U);
}

TEST(Utf8, CharactersAreTakenOneByOne) {
  std::string_view text = "aж虫🐞";
  EXPECT_EQ(take_character(text), U'a');
  EXPECT_EQ(take_character(text), U'ж');
  EXPECT_EQ(take_character(text), U'虫');
  EXPECT_EQ(take_character(text), U'🐞');
  EXPECT_TRUE(text.empty());
}

}  // namespace
}  // namespace osprey
