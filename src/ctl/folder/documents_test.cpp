#include "ctl/folder/documents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ctl/folder/diff.h"
#include "ctl/folder/plan.h"
#include "ctl/terminal.h"

namespace osprey::ctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string faults(const std::string& path, std::string_view text) {
  const auto read = read_documents(path, text);
  return read ? "" : read.error().text();
}

std::string repeated(const std::string& word, int times) {
  std::string words = word;
  for (int i = 1; i < times; ++i) words += ", " + word;
  return words;
}

TEST(Documents, SeveralInAFileWithTheirLines) {
  const auto read =
      read_documents("f.yaml", "kind: tag\nname: web\n---\nkind: query\nname: q\ncontent: {interval: \"60\"}\n");
  ASSERT_TRUE(read) << read.error().text();
  ASSERT_EQ(read->size(), 2U);
  EXPECT_EQ(read->at(1).where, "f.yaml:4");
  EXPECT_EQ(read->at(1).body.at("content"), boost::json::parse(R"({"interval":"60"})"));
}

TEST(Documents, TellEveryFaultWithItsPlaceAndTheNearestWord) {
  const auto told = faults("f.yaml", "kind: query\nname: q\ncontnt: {}\n---\nkind: qury\n");
  EXPECT_THAT(told, HasSubstr("f.yaml:3: there is no member \"contnt\"; \"content\" is near"));
  EXPECT_THAT(told, HasSubstr("f.yaml:5: there is no kind \"qury\"; \"query\" is near"));
  EXPECT_THAT(faults("f.yaml", "name: q\nname: r\nkind: tag\n"), HasSubstr("f.yaml:2: name is said twice"));
}

TEST(Documents, AliasesWithoutEndAndDeepNestingAreRefused) {
  std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c < 'k'; ++c) {
    bomb += std::string(1, c) + ": &" + c + " [";
    for (int i = 0; i < 10; ++i) bomb += std::string(i == 0 ? "*" : ",*") + static_cast<char>(c - 1);
    bomb += "]\n";
  }
  EXPECT_THAT(faults("f.yaml", bomb), HasSubstr("aliases"));
  EXPECT_THAT(faults("f.yaml", "x:\n  - &t " + std::string(1 << 20, 't') + "\n  - [" + repeated("*t", 80) + "]\n"),
              HasSubstr("f.yaml:3: says too much"));
  EXPECT_THAT(faults("f.yaml", "a: b\nc: &c [*c]\n"), HasSubstr("f.yaml:2: an alias cannot stand inside"));
  EXPECT_NE(faults("f.yaml", std::string(5000, '[')), "");
  EXPECT_THAT(faults("f.yaml", "a: " + std::string(65, '[') + std::string(65, ']')), HasSubstr("nested too deep"));
}

TEST(Documents, AliasesStandForWhatTheyMean) {
  const auto read = read_documents("f.yaml",
                                   "kind: query\nname: &n q\ncontent: {query: &sql SELECT 1, x: &x {a: [1]}, y: *x, "
                                   "*n : *sql}\n---\nkind: tag\nname: &n r\nquery: *n\n");
  ASSERT_TRUE(read) << read.error().text();
  ASSERT_EQ(read->size(), 2U);
  EXPECT_EQ(read->front().body.at("content"),
            boost::json::parse(R"({"query":"SELECT 1","x":{"a":[1]},"y":{"a":[1]},"q":"SELECT 1"})"));
  EXPECT_EQ(read->back().body.at("query"), "r");
  EXPECT_THAT(faults("f.yaml", "? [a]\n: b\n"), HasSubstr("f.yaml:1: a name must be a text"));
  EXPECT_THAT(faults("f.yaml", "a: b\n~: b\n"), HasSubstr("f.yaml:2: a name must be a text"));
}

TEST(Documents, WhatNoDocumentCanBeginWithIsRefusedWithItsLine) {
  EXPECT_THAT(faults("f.yaml", "kind: tag\nname: a\n---\n,kind: tag\n"), HasSubstr("f.yaml:4: no document can begin"));
  EXPECT_THAT(faults("f.yaml", "]"), HasSubstr("f.yaml:1"));
  EXPECT_THAT(faults("f.yaml", "}\n"), HasSubstr("f.yaml:1"));
}

TEST(Documents, ControlCharactersAreRefusedWithTheirLine) {
  using namespace std::string_literals;
  EXPECT_THAT(faults("f.yaml", "kind: tag\nname: \"a\0b\"\n"s), HasSubstr("f.yaml:2: has the control character 0x00"));
  // yaml-cpp never came to the end of this one.
  EXPECT_NE(faults("f.yaml", ", \"a}}{\"b\0c\"\0\0{\"d\":e\0f\"\0\0{\"d\": {)\"g\": 5}}, \"h}}"s), "");
}

TEST(Documents, NumbersThatNothingHoldsAreRefused) {
  EXPECT_THAT(faults("f.json", "{\"options\": {\n\"a\": [1, 5E999]}}"), HasSubstr("f.json:2: the number is too large"));
}

TEST(Documents, ControlCharactersAreWrittenSoThatTheyAreReadAgain) {
  const auto text = std::string("a\x7f\x01\n b\0c", 8);
  const Document document{
      .kind = "query", .name = text, .body = {{"description", text}, {"content", {{text, text}}}}, .where = {}};
  const auto read = read_documents("f.yaml", text_of(document));
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->front().name, text);
  EXPECT_EQ(read->front().body.at("description"), document.body.at("description"));
  EXPECT_EQ(read->front().body.at("content"), document.body.at("content"));
}

TEST(Documents, WrittenAndReadAgainTheyAreTheSame) {
  for (const std::string text : {"SELECT 1", "yes", "1", "", "a: b", "two\nlines", "two\nlines\n", " blank\nfirst",
                                 "tab\there", "\x1b[1m", "# no comment", "trailing \nblank", "müß\nig", "-", "[x]"}) {
    const Document before{.kind = "query",
                          .name = text.empty() ? "x" : text,
                          .body = {{"description", text},
                                   {"tags", boost::json::array{"a"}},
                                   {"enabled", false},
                                   {"content", boost::json::object{{text, text}, {"list", {1, 2.5, nullptr, text}}}}},
                          .where = {}};
    const auto after = read_documents("f.yaml", text_of(before));
    ASSERT_TRUE(after) << after.error().text() << text_of(before);
    EXPECT_EQ(after->front().name, before.name);
    EXPECT_EQ(after->front().body, before.body) << text_of(before);
  }
}

TEST(UnifiedDiff, TellsHunksAsDiffDoes) {
  EXPECT_THAT(unified_diff("a\nb\nc\n", "a\nx\nc\n"), ElementsAre("@@ -1,3 +1,3 @@", " a", "-b", "+x", " c"));
  EXPECT_THAT(unified_diff("", "a\n"), ElementsAre("@@ -0,0 +1 @@", "+a"));
  EXPECT_TRUE(unified_diff("a\n", "a\n").empty());
}

TEST(Plan, TagsComeBeforeWhatIsForTheirHostsAndGoAfterIt) {
  const Document query{.kind = "query", .name = "q", .body = {{"content", 1}}, .where = {}};
  const Document tag{.kind = "tag", .name = "t", .body = {}, .where = {}};
  const auto made = plan({query, tag}, {}, false);
  EXPECT_EQ(made.changes.at(0).document().kind, "tag");
  const auto removed = plan({}, {{tag, 1}, {query, 1}}, true);
  EXPECT_EQ(removed.changes.at(0).document().kind, "query");
  EXPECT_TRUE(plan({}, {{tag, 1}}, false).changes.empty());
}

TEST(Printable, NothingReachesATerminalThatChangesIt) {
  EXPECT_EQ(printable("a\x1b[31m\x07"), "a\\x1B[31m\\x07");
  EXPECT_EQ(printable("\u202e\u009b\xff"), "\\u{202E}\\u{9B}\\xFF");
  EXPECT_EQ(printable("ä\nb", true), "ä\nb");
  EXPECT_EQ(printable("ä\nb"), "ä\\x0Ab");
}

}  // namespace
}  // namespace osprey::ctl
