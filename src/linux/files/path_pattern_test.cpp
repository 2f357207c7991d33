#include "linux/files/path_pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace osprey::linux {
namespace {

using enum PatternDialect;

std::vector<std::string> texts(const PathPattern& pattern) {
  std::vector<std::string> found;
  for (const auto& one : pattern.components) found.push_back((one.wild ? "*" : "=") + one.text);
  return found;
}

TEST(MatchesLike, Percent) {
  EXPECT_TRUE(matches_like("host%", "hosts", sql));
  EXPECT_TRUE(matches_like("host%", "host", sql));
  EXPECT_TRUE(matches_like("%.conf", "a.b.conf", sql));
  EXPECT_TRUE(matches_like("%a%b%", "xxaxxbxx", sql));
  EXPECT_TRUE(matches_like("%", "", sql));
  EXPECT_TRUE(matches_like("%%%", "anything", sql));
  EXPECT_FALSE(matches_like("%.conf", "a.confx", sql));
  EXPECT_FALSE(matches_like("", "a", sql));
  EXPECT_FALSE(matches_like("a", "", sql));
}

TEST(MatchesLike, OneCharacter) {
  EXPECT_TRUE(matches_like("host_", "hosts", sql));
  EXPECT_TRUE(matches_like("_x", "\xc3\xa9x", sql));  // é is one character
  EXPECT_TRUE(matches_like("_x", "\xffx", sql));      // and so is a byte that is none
  EXPECT_FALSE(matches_like("host_", "host", sql));
  EXPECT_FALSE(matches_like("host_", "hosts", osquery));
  EXPECT_TRUE(matches_like("host_", "host_", osquery));
}

TEST(MatchesLike, Case) {
  EXPECT_TRUE(matches_like("HOST%", "hosts", sql));
  EXPECT_FALSE(matches_like("HOST%", "hosts", osquery));
}

TEST(MatchesLike, ManyWildcardsTakeLinearSteps) {
  std::string pattern;
  for (int i = 0; i < 1000; ++i) pattern += "%a";
  EXPECT_FALSE(matches_like(pattern + "b", std::string(5000, 'a'), sql));
}

TEST(PathPattern, Literal) {
  const auto pattern = parse_path_pattern("/etc/hosts", sql);
  EXPECT_EQ(pattern.base, "/etc/hosts");
  EXPECT_TRUE(pattern.components.empty());
}

TEST(PathPattern, BaseAndComponents) {
  const auto pattern = parse_path_pattern("/home/%/.ssh/id%", sql);
  EXPECT_EQ(pattern.base, "/home/");
  EXPECT_THAT(texts(pattern), testing::ElementsAre("*%", "=.ssh", "*id%"));
  EXPECT_FALSE(pattern.recursive);
  EXPECT_TRUE(pattern.filter.empty());
}

TEST(PathPattern, SlashesStayInTheBase) { EXPECT_EQ(parse_path_pattern("/etc//apt//%", sql).base, "/etc//apt//"); }

TEST(PathPattern, Recursive) {
  for (const auto dialect : {sql, osquery}) {
    const auto pattern = parse_path_pattern("/etc/%%", dialect);
    EXPECT_EQ(pattern.base, "/etc/");
    EXPECT_THAT(texts(pattern), testing::ElementsAre("*%"));
    EXPECT_TRUE(pattern.recursive);
    EXPECT_TRUE(pattern.filter.empty());
  }
  const auto prefix = parse_path_pattern("/etc/ap%%", sql);
  EXPECT_THAT(texts(prefix), testing::ElementsAre("*ap%"));
  EXPECT_TRUE(prefix.recursive);
}

TEST(PathPattern, AnyDepthInTheMiddle) {
  const auto pattern = parse_path_pattern("/home/%%/id_rsa", sql);
  EXPECT_THAT(texts(pattern), testing::ElementsAre("*%"));
  EXPECT_TRUE(pattern.recursive);
  EXPECT_EQ(pattern.filter, "/home/%%/id_rsa");
  const auto one_level = parse_path_pattern("/home/%%/id_rsa", osquery);
  EXPECT_THAT(texts(one_level), testing::ElementsAre("*%%", "=id_rsa"));
  EXPECT_FALSE(one_level.recursive);
}

TEST(PathPattern, DirectoriesOnly) {
  const auto pattern = parse_path_pattern("/etc/%/", sql);
  EXPECT_TRUE(pattern.directories_only);
  EXPECT_THAT(texts(pattern), testing::ElementsAre("*%"));
  EXPECT_TRUE(parse_path_pattern("/etc/%%/", osquery).recursive);
}

TEST(PathPattern, DotFiles) {
  const PathPattern::Component any{"%", true};
  EXPECT_TRUE(any.matches(".profile", sql));
  EXPECT_FALSE(any.matches(".profile", osquery));
  EXPECT_TRUE((PathPattern::Component{".%", true}).matches(".profile", osquery));
}

}  // namespace
}  // namespace osprey::linux
