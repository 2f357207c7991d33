#include "agent/config/yara_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace osprey::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(YaraSettings, GroupsPathsAndUrls) {
  std::vector<YaraNote> notes;
  const auto settings = read_yara(
      R"({"signatures": {"g": ["/a", "b"]}, "file_paths": {"c": ["g", "h"]}, "signature_urls": ["http://h/.*"]})",
      notes);
  EXPECT_THAT(notes, IsEmpty());
  EXPECT_THAT(settings.signatures.at("g"), ElementsAre("/a", "b"));
  EXPECT_THAT(settings.file_paths.at("c"), ElementsAre("g", "h"));
  EXPECT_THAT(settings.signature_urls, ElementsAre("http://h/.*"));
  EXPECT_THAT(unknown_groups(settings),
              ElementsAre(YaraNote{"yara.file_paths.c", "names the group h, which yara.signatures has not"}));
}

TEST(YaraSettings, WhatHasAnotherShapeIsLeftOutAndTold) {
  std::vector<YaraNote> notes;
  const auto settings = read_yara(
      R"({"signatures": {"g": "/a", "h": ["/b", 5]}, "file_paths": [], "signature_urls": {}, "x": 1})", notes);
  EXPECT_THAT(settings.signatures.at("g"), IsEmpty());
  EXPECT_THAT(settings.signatures.at("h"), ElementsAre("/b"));
  EXPECT_THAT(notes,
              ElementsAre(YaraNote{"yara.signatures.g", "is no list of texts"},
                          YaraNote{"yara.signatures.h", "has an entry that is no text"},
                          YaraNote{"yara.file_paths", "is no object of lists"},
                          YaraNote{"yara.signature_urls", "is no list of texts"}, YaraNote{"yara.x", "is not known"}));
  notes.clear();
  EXPECT_TRUE(read_yara("[1]", notes).signatures.empty());
  EXPECT_EQ(notes.size(), 1u);
  EXPECT_TRUE(read_yara("", notes).signatures.empty());
}

}  // namespace
}  // namespace osprey::agent
