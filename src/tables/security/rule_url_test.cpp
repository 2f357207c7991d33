#include "tables/security/rule_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace osprey::tables {
namespace {

bool allows(std::string_view url, std::vector<std::string> allowed) { return check_rule_url(url, allowed).has_value(); }

TEST(RuleUrl, SchemeAndHostAreTheSameAndThePathMatchesWholly) {
  const std::vector<std::string> list{"https://rules.example/sets/[a-z]+\\.yar"};
  EXPECT_TRUE(allows("https://rules.example/sets/abc.yar", list));
  EXPECT_TRUE(allows("HTTPS://Rules.Example/sets/abc.yar", list));
  EXPECT_FALSE(allows("http://rules.example/sets/abc.yar", list));
  EXPECT_FALSE(allows("https://rules.example:8443/sets/abc.yar", list));
  EXPECT_FALSE(allows("https://other.example/sets/abc.yar", list));
  EXPECT_FALSE(allows("https://rules.example/sets/abc.yara", list));
  EXPECT_FALSE(allows("https://rules.example/x/sets/abc.yar", list));
  EXPECT_FALSE(allows("https://rules.example/sets/abcXyar", list));
  EXPECT_FALSE(allows("https://rules.example/sets/abc.yar?x=1", list));
  EXPECT_FALSE(allows("https://rules.example/sets/abc.yar\n", list));
  EXPECT_FALSE(allows("https://rules.example/sets/abc.yar", {}));
}

TEST(RuleUrl, AlternativesAreWhole) {
  EXPECT_TRUE(allows("http://h/b", {"http://h/a|/b"}));
  EXPECT_FALSE(allows("http://h/b/c", {"http://h/a|/b"}));
  EXPECT_FALSE(allows("http://h/", {"http://h/("})) << "no regular expression";
}

TEST(RuleUrl, PathsThatMayLeadElsewhere) {
  const std::vector<std::string> list{"https://h/rules/.*"};
  EXPECT_TRUE(allows("https://h/rules/a..b/c", list));
  for (const auto* url : {"https://h/rules/../secret", "https://h/rules/./a", "https://h/rules/%2e%2E/secret",
                          "https://h/rules/..", "https://h/rules/%2f", "https://h/rules/a\\b", "https://h/rules/a#b",
                          "https://user@h/rules/a", "https:///rules/a", "ftp://h/rules/a", "h/rules/a", ""})
    EXPECT_FALSE(allows(url, list)) << url;
  EXPECT_THAT(check_rule_url("https://h/rules/../secret", list).error().text(), testing::HasSubstr("lead elsewhere"));
}

}  // namespace
}  // namespace osprey::tables
