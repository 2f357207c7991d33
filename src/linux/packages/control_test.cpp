#include "linux/packages/control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace osprey::linux {
namespace {

using testing::ElementsAre;
using testing::Pair;

using Fields = std::vector<std::pair<std::string, std::string>>;

std::pair<StanzaEnd, Fields> take(std::string_view& text) {
  Fields found;
  const auto end = take_stanza(text, [&](auto name, auto value) { found.emplace_back(name, value); });
  return {end, found};
}

TEST(Control, FieldsAndContinuations) {
  std::string_view text = "Package: a\nDescription: short\n long one\n .\n\tmore\nEmpty:\nHomepage:x \n\nPackage: b\n";
  EXPECT_THAT(take(text), Pair(StanzaEnd::blank_line,
                               ElementsAre(Pair("Package", "a"), Pair("Description", "short\n long one\n .\n\tmore"),
                                           Pair("Empty", ""), Pair("Homepage", "x"))));
  EXPECT_THAT(take(text), Pair(StanzaEnd::text_end, ElementsAre(Pair("Package", "b"))));
  EXPECT_EQ(take(text).first, StanzaEnd::none);
}

TEST(Control, CarriageReturnsAndBlankLinesBetweenStanzas) {
  std::string_view text = "\n\r\nOrigin: Debian\r\nLabel: x\r\n \r\n\n\nOrigin: y";
  EXPECT_THAT(take(text), Pair(StanzaEnd::blank_line, ElementsAre(Pair("Origin", "Debian"), Pair("Label", "x"))));
  EXPECT_THAT(take(text), Pair(StanzaEnd::text_end, ElementsAre(Pair("Origin", "y"))));
}

TEST(Control, LinesThatAreNoField) {
  std::string_view text = " orphan\nno colon\n: no name\n# comment\nA: 1\n# inside\n 2\n";
  EXPECT_THAT(take(text), Pair(StanzaEnd::text_end, ElementsAre(Pair("", " orphan"), Pair("", "no colon"),
                                                                Pair("", ": no name"), Pair("A", "1\n# inside\n 2"))));
}

TEST(Control, BytesPassUnharmed) {
  std::string_view text("A: \0\xff\n", 6);
  EXPECT_THAT(take(text), Pair(StanzaEnd::text_end, ElementsAre(Pair("A", std::string("\0\xff", 2)))));
}

TEST(Control, Words) {
  EXPECT_THAT(control_words("one two\n# not three\n\tfour"), ElementsAre("one", "two", "four"));
  EXPECT_EQ(first_line("one \n two"), "one");
}

}  // namespace
}  // namespace osprey::linux
