#include "agent/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace osprey::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

Result<std::string> no_packs(const std::string& path) { return system_failure(ENOENT, path); }
Result<std::string> a_pack(const std::string&) { return R"({"queries": {"inner": {"query": "SELECT 3"}}})"; }

Result<Config> read(std::string text, ConfigForm form = ConfigForm::lenient, PackReader packs = no_packs) {
  Config config;
  const auto done = apply_source({"/c.conf", std::move(text)}, form, packs, config);
  if (!done) return std::unexpected(done.error());
  return config;
}

TEST(Config, ViewsOptionsAndPacks) {
  const auto config = read(R"({
    "options": {"verbose": true, "schedule_epoch": 5, "schedule_default_interval": 5.7, "host_identifier": "",
                "custom_a": {"b": 1}, "nullvalue": null},
    "views": {"v": "SELECT 1 AS a", "no": 5},
    "packs": {"p": {"queries": {"b": {"query": "SELECT 2"}, "a": {"query": "SELECT 1"}, "none": {"interval": 5}}}}
  })");
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_THAT(config->options, ElementsAre(Pair("custom_a", R"({"b":1})"), Pair("schedule_default_interval", "5"),
                                           Pair("schedule_epoch", "5"), Pair("verbose", "true")));
  EXPECT_THAT(config->views, ElementsAre(Pair("v", "SELECT 1 AS a")));
  ASSERT_EQ(config->packs.size(), 1u);
  ASSERT_EQ(config->packs[0].queries.size(), 2u);
  EXPECT_EQ(config->packs[0].queries[0].name, "a");
  EXPECT_EQ(config->packs[0].queries[1].sql, "SELECT 2");
  EXPECT_THAT(config->warnings, ElementsAre(HasSubstr("nullvalue")));
}

TEST(Config, QueriesForOtherPlatformsAreLeftOut) {
  const auto config = read(R"({"packs": {
    "p": {"queries": {"a": {"query": "SELECT 1", "platform": "darwin"},
                      "b": {"query": "SELECT 2", "platform": "darwin,linux"}}},
    "windows": {"platform": "windows", "queries": {"a": {"query": "SELECT 1"}}}}})");
  ASSERT_TRUE(config);
  ASSERT_EQ(config->packs.size(), 2u);
  EXPECT_EQ(config->packs[0].queries.size(), 1u);
  EXPECT_THAT(config->packs[1].queries, IsEmpty());
}

TEST(Config, PacksInFiles) {
  const auto config = read(R"({"packs": {"p": "/p.conf"}})", ConfigForm::strict, a_pack);
  ASSERT_EQ(config->packs.size(), 1u);
  EXPECT_EQ(config->packs[0].queries[0].name, "inner");
  EXPECT_THAT(read(R"({"packs": {"p": "/none"}})")->warnings, ElementsAre("Error reading the query pack named: p"));
}

TEST(Config, SeveralPacksUnderAStar) {
  const auto config = read(R"({"packs": {"*": {"one": {"queries": {}}, "two": {"queries": {}}}}})");
  EXPECT_EQ(config->packs.size(), 2u);
}

TEST(Config, LinesOfCommentAreOsquerys) {
  EXPECT_TRUE(read("# c\n// d\n{\n  // inner\n \"views\":{}}", ConfigForm::strict));
  EXPECT_TRUE(read("{\"views\": \\\n{}}", ConfigForm::strict)) << "a line that ends in a backslash goes on";
}

TEST(Config, OtherCommentsAndCommasAreOurs) {
  for (const auto* text : {"{\"views\":{}} // x", "{\"views\":{} /* x */}", "{\"views\":{},}"}) {
    EXPECT_TRUE(read(text)) << text;
    EXPECT_FALSE(read(text, ConfigForm::strict)) << text;
  }
}

TEST(Config, WhatIsWrongIsSaidWithItsPlace) {
  EXPECT_THAT(read("{\n  \"views\": oops}").error().text(), HasSubstr("/c.conf: line 2, column "));
  EXPECT_THAT(read("# a comment\n{]").error().message, HasSubstr("line 2, column 2"));
  for (const auto* text : {"", "  \n", "[]", "\"x\"", "5", "null", "{\"a\":", "{\"a\":NaN}", "{} {}"})
    EXPECT_FALSE(read(text)) << text;
}

TEST(Config, DepthIsBounded) {
  const auto nested = [](int depth) {
    std::string text = "1";
    for (int i = 0; i < depth; ++i) text = "{\"a\":" + text + "}";
    return text;
  };
  EXPECT_TRUE(read(nested(30)));
  EXPECT_FALSE(read(nested(40)));
  EXPECT_FALSE(read(std::string(100'000, '[')));
}

TEST(Config, HashOfSources) {
  EXPECT_EQ(config_hash({{"a", "one"}, {"b", "two"}}).size(), 40u);
  EXPECT_NE(config_hash({{"a", "one"}}), config_hash({{"a", "two"}}));
}

TEST(Config, SourcesAreTheFileAndItsFolder) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "osprey_config_test";
  std::filesystem::create_directories(folder / "c.conf.d");
  const std::string path = folder / "c.conf";
  for (const auto* name : {"c.conf", "c.conf.d/b.conf", "c.conf.d/a.conf", "c.conf.d/not.txt"})
    std::ofstream(folder / name) << name;
  const auto sources = config_sources(path);
  ASSERT_TRUE(sources);
  std::vector<std::string> texts;
  for (const auto& source : *sources) texts.push_back(source.text);
  EXPECT_THAT(texts, ElementsAre("c.conf", "c.conf.d/a.conf", "c.conf.d/b.conf"));
  EXPECT_FALSE(config_sources(folder)) << "a folder is no configuration";
  EXPECT_FALSE(config_sources(folder / "none"));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace osprey::agent
