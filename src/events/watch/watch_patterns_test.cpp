#include "events/watch/watch_patterns.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "base/temporary_tree.h"

namespace osprey::events {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Meaning = WatchPatterns::Meaning;

std::string as_it_is(const std::string& path) { return path; }

// The names of a path's categories.
std::vector<std::string> categories(const std::vector<WatchedCategory>& watched, Meaning meaning,
                                    const std::string& path) {
  const WatchPatterns patterns(watched, meaning, as_it_is);
  const auto slash = path.rfind('/');
  WatchPatterns::Categories found;
  patterns.match(patterns.at(path.substr(0, slash)), path.substr(slash + 1), found);
  std::vector<std::string> names;
  for (const auto category : found) names.push_back(watched[category].name);
  return names;
}

bool in(const std::string& pattern, Meaning meaning, const std::string& path) {
  return !categories({{"c", {pattern}, {}}}, meaning, path).empty();
}

// compat/osquery.md 5.5; EVT-08.
TEST(WatchPatterns, WhatBothMeaningsSay) {
  for (const auto meaning : {Meaning::osquery, Meaning::exact}) {
    EXPECT_TRUE(in("/etc/passwd", meaning, "/etc/passwd"));
    EXPECT_FALSE(in("/etc/passwd", meaning, "/etc/passwd-"));
    EXPECT_TRUE(in("/etc", meaning, "/etc"));
    EXPECT_TRUE(in("/etc", meaning, "/etc/hosts"));
    EXPECT_FALSE(in("/etc", meaning, "/etc/ssh/sshd_config"));
    EXPECT_TRUE(in("/etc/", meaning, "/etc/hosts"));
    EXPECT_FALSE(in("/etc/", meaning, "/etc"));
    EXPECT_TRUE(in("/etc/%", meaning, "/etc/.hidden"));
    EXPECT_FALSE(in("/etc/%", meaning, "/etc/ssh/sshd_config"));
    EXPECT_TRUE(in("/etc/%%", meaning, "/etc/ssh/sshd_config"));
    EXPECT_TRUE(in("/etc/%%", meaning, "/etc/hosts"));
    EXPECT_FALSE(in("/etc/%%", meaning, "/etcetera/hosts"));
    EXPECT_TRUE(in("/home/%/.ssh/%", meaning, "/home/ann/.ssh/authorized_keys"));
    EXPECT_FALSE(in("/home/%/.ssh/%", meaning, "/home/ann/x/.ssh/authorized_keys"));
    EXPECT_TRUE(in("/home/%/.ssh/%%", meaning, "/home/ann/.ssh/a/b"));
    EXPECT_TRUE(in("/%%", meaning, "/a"));
    EXPECT_TRUE(in("/%%", meaning, "/a/b/c"));
    EXPECT_FALSE(in("relative/%", meaning, "/relative/a"));
  }
}

TEST(WatchPatterns, OsqueryDropsWhatFollowsDepthsAndLeafWildcards) {
  EXPECT_TRUE(in("/home/%%/.ssh/%", Meaning::osquery, "/home/ann/notes"));
  EXPECT_TRUE(in("/etc/%%.conf", Meaning::osquery, "/etc/ssh/sshd_config"));
  EXPECT_TRUE(in("/bin/%sh", Meaning::osquery, "/bin/ls"));
}

TEST(WatchPatterns, UnderOurOwnNamesEveryPartCounts) {
  EXPECT_FALSE(in("/home/%%/.ssh/%", Meaning::exact, "/home/ann/notes"));
  EXPECT_TRUE(in("/home/%%/.ssh/%", Meaning::exact, "/home/ann/.ssh/id"));
  EXPECT_TRUE(in("/home/%%/.ssh/%", Meaning::exact, "/home/.ssh/id"));
  EXPECT_TRUE(in("/home/%%/.ssh/%", Meaning::exact, "/home/a/.ssh/b/.ssh/id"));
  EXPECT_TRUE(in("/etc/%%.conf", Meaning::exact, "/etc/a.conf"));
  EXPECT_TRUE(in("/etc/%%.conf", Meaning::exact, "/etc/x/y/a.conf"));
  EXPECT_FALSE(in("/etc/%%.conf", Meaning::exact, "/etc/x/y/a.config"));
  EXPECT_TRUE(in("/srv/a%%b", Meaning::exact, "/srv/a1b"));
  EXPECT_TRUE(in("/srv/a%%b", Meaning::exact, "/srv/a1/2/3b"));
  EXPECT_FALSE(in("/srv/a%%b", Meaning::exact, "/srv/c/2/3b"));
  EXPECT_TRUE(in("/bin/%sh", Meaning::exact, "/bin/bash"));
  EXPECT_FALSE(in("/bin/%sh", Meaning::exact, "/bin/ls"));
  EXPECT_TRUE(in("/a/%%/%%/%%/%%/%%/%%/x", Meaning::exact, "/a/1/2/3/x"));
}

TEST(WatchPatterns, NamesAreBytes) {
  EXPECT_TRUE(in("/a/%\xff", Meaning::exact, "/a/\n\xff"));
  EXPECT_TRUE(in("/a/_", Meaning::exact, "/a/_"));
  EXPECT_FALSE(in("/a/_", Meaning::exact, "/a/b")) << "no LIKE: only % is a wildcard";
}

TEST(WatchPatterns, APathIsInEveryCategoryThatHasIt) {
  const std::vector<WatchedCategory> watched = {
      {"all", {"/etc/%%"}, {}}, {"ssh", {"/etc/ssh/%", "/etc/%/sshd%"}, {}}, {"none", {"/usr/%%"}, {}}};
  EXPECT_THAT(categories(watched, Meaning::exact, "/etc/ssh/sshd_config"), ElementsAre("all", "ssh"));
}

TEST(WatchPatterns, OsqueryExcludesAreOfEveryCategory) {
  const std::vector<WatchedCategory> watched = {{"a", {"/etc/%%"}, {"/etc/cups"}}, {"b", {"/etc/%%"}, {"/etc/x/%%"}}};
  for (const auto path : {"/etc/cups", "/etc/cups/printers", "/etc/x/y", "/etc/x/y/z"})
    EXPECT_THAT(categories(watched, Meaning::osquery, path), IsEmpty()) << path;
  for (const auto path : {"/etc/cups/a/b", "/etc/x", "/etc/cupsd"})
    EXPECT_THAT(categories(watched, Meaning::osquery, path), ElementsAre("a", "b")) << path;
  EXPECT_THAT(categories({{"a", {"/etc/%%"}, {"/etc/c%"}}}, Meaning::osquery, "/etc/cups"), ElementsAre("a"))
      << "only whole components are wildcards";
}

TEST(WatchPatterns, OurExcludesAreOfTheirCategory) {
  const std::vector<WatchedCategory> watched = {{"a", {"/etc/%%"}, {"/etc/c%"}}, {"b", {"/etc/%%"}, {}}};
  EXPECT_THAT(categories(watched, Meaning::exact, "/etc/cups/a/b"), ElementsAre("b"));
  EXPECT_THAT(categories(watched, Meaning::exact, "/etc/x"), ElementsAre("a", "b"));
}

TEST(WatchPatterns, DirectoriesThatLeadNowhereAreDead) {
  const WatchPatterns patterns({{"c", {"/etc/%%", "/home/%/.ssh/%", "/srv/file"}, {"/etc/cache/%%"}}}, Meaning::osquery,
                               as_it_is);
  for (const auto live : {"/", "/etc", "/etc/ssh", "/home", "/home/ann", "/home/ann/.ssh", "/srv", "/srv/file"})
    EXPECT_FALSE(patterns.at(live).dead()) << live;
  for (const auto dead : {"/usr", "/home/ann/x", "/home/ann/.ssh/deep", "/etc/cache", "/etc/cache/x"})
    EXPECT_TRUE(patterns.at(dead).dead()) << dead;
  EXPECT_TRUE(patterns.wants_entries(patterns.at("/etc")));
  EXPECT_FALSE(patterns.wants_entries(patterns.at("/home/ann")));
  EXPECT_TRUE(patterns.wants_entries(patterns.at("/srv")));
  EXPECT_THAT(patterns.bases(), ElementsAre("/etc", "/home", "/srv/file"));
  EXPECT_TRUE(WatchPatterns().top().dead());
}

using WatchPatternsOnHost = TemporaryTree;

TEST_F(WatchPatternsOnHost, ABeginningGoesWhereItLeads) {
  write("real/file", "");
  std::filesystem::create_symlink("real", top / "link");
  std::filesystem::create_symlink("real/file", top / "file");
  const auto here = WatchPatterns::canonical_on_host(top.string());
  EXPECT_EQ(WatchPatterns::canonical_on_host((top / "link/not/yet").string()), here + "/real/not/yet");
  const WatchPatterns patterns({{"c", {(top / "link/%%").string(), (top / "file").string()}, {}}}, Meaning::exact);
  EXPECT_THAT(patterns.bases(), ElementsAre(here + "/file", here + "/real", here + "/real/file"));
  WatchPatterns::Categories found;
  patterns.match(patterns.at(here + "/real"), "x", found);
  EXPECT_THAT(found, ElementsAre(0));
  patterns.match(patterns.at(here), "file", found);
  EXPECT_THAT(found, ElementsAre(0)) << "the link itself";
}

}  // namespace
}  // namespace osprey::events
