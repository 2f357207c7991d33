#include "linux/files/path_walk.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace osprey::linux {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class PathWalkTest : public testing::Test {
 protected:
  PathWalkTest() : root_(make()) {}
  ~PathWalkTest() override { fs::remove_all(top_); }

  void file(const std::string& path, const std::string& text = "x") {
    fs::create_directories((top_ / path).parent_path());
    std::ofstream(top_ / path) << text;
  }
  void link(const std::string& target, const std::string& path) {
    fs::create_directories((top_ / path).parent_path());
    fs::create_symlink(target, top_ / path);
  }

  PathWalk walk(PatternDialect dialect = PatternDialect::sql) {
    PathWalk::Options options;
    options.dialect = dialect;
    options.interrupt = &interrupt_;
    options.on_error = [this](const Error& error) { errors_.push_back(error.text()); };
    return PathWalk(root_, std::move(options));
  }
  static std::vector<std::string> all(PathWalk& walk) {
    std::vector<std::string> found;
    while (walk.next()) found.emplace_back(walk.path());
    return found;
  }
  std::vector<std::string> matching(std::string_view like, PatternDialect dialect = PatternDialect::sql) {
    auto one = walk(dialect);
    one.add_pattern(like);
    return all(one);
  }

  fs::path top_;
  Root root_;
  Interrupt interrupt_;
  std::vector<std::string> errors_;

 private:
  Root make() {
    std::string name = fs::temp_directory_path() / "path_walk_XXXXXX";
    top_ = ::mkdtemp(name.data());
    return *Root::at(top_);
  }
};

TEST_F(PathWalkTest, OnePath) {
  file("etc/hosts");
  auto one = walk();
  one.add_path("/etc/hosts");
  one.add_path("/etc/nothing");
  one.add_path("relative");
  one.add_path("");
  ASSERT_TRUE(one.next());
  EXPECT_EQ(one.path(), "/etc/hosts");
  EXPECT_EQ(one.directory(), "/etc");
  EXPECT_EQ(one.filename(), "hosts");
  EXPECT_EQ(one.facts()->stx_size, 1u);
  EXPECT_FALSE(one.next());
  EXPECT_THAT(errors_, IsEmpty());
}

TEST_F(PathWalkTest, APathWithASlash) {
  file("etc/hosts");
  auto one = walk();
  one.add_path("/etc/");
  one.add_path("/etc/hosts/");
  one.add_path("/");
  ASSERT_TRUE(one.next());
  EXPECT_EQ(one.path(), "/etc/");
  EXPECT_EQ(one.directory(), "/etc");
  EXPECT_EQ(one.filename(), ".");
  ASSERT_TRUE(one.next());
  EXPECT_EQ(one.path(), "/");
  EXPECT_EQ(one.directory(), "");
  EXPECT_EQ(one.filename(), "/");
  EXPECT_FALSE(one.next());
}

TEST_F(PathWalkTest, OneLevelInOrder) {
  for (const auto path : {"etc/hosts", "etc/host.conf", "etc/hostname", "etc/group", "etc/host.d/x"}) file(path);
  EXPECT_THAT(matching("/etc/host%"), ElementsAre("/etc/host.conf", "/etc/host.d", "/etc/hostname", "/etc/hosts"));
  EXPECT_THAT(matching("/%/hosts"), ElementsAre("/etc/hosts"));
  EXPECT_THAT(matching("/etc/hosts"), ElementsAre("/etc/hosts"));
  EXPECT_THAT(matching("/nothing/%"), IsEmpty());
  EXPECT_THAT(matching("/etc/hosts/%"), IsEmpty());
  EXPECT_THAT(errors_, IsEmpty());
}

TEST_F(PathWalkTest, LiteralAfterWild) {
  for (const auto path : {"home/a/.ssh/id_rsa", "home/b/.ssh/known_hosts", "home/c/x"}) file(path);
  EXPECT_THAT(matching("/home/%/.ssh/id%"), ElementsAre("/home/a/.ssh/id_rsa"));
  EXPECT_THAT(matching("/home/%/.ssh"), ElementsAre("/home/a/.ssh", "/home/b/.ssh"));
  EXPECT_THAT(matching("/home/%/../b"), IsEmpty());
}

TEST_F(PathWalkTest, AnyDepthIsDepthFirst) {
  for (const auto path : {"a/z", "a/b/c", "a/b/d/e", "a/b.txt"}) file(path);
  EXPECT_THAT(matching("/a/%%"), ElementsAre("/a/b", "/a/b/c", "/a/b/d", "/a/b/d/e", "/a/b.txt", "/a/z"));
  EXPECT_THAT(matching("/a/b%%"), ElementsAre("/a/b", "/a/b/c", "/a/b/d", "/a/b/d/e", "/a/b.txt"));
  EXPECT_THAT(matching("/a/%%/e"), ElementsAre("/a/b/d/e"));
  EXPECT_THAT(matching("/%%"), Contains("/a/b/d/e"));
}

TEST_F(PathWalkTest, DotFilesUnderscoreAndCase) {
  for (const auto path : {"d/.hidden", "d/name1", "d/name_", "d/README"}) file(path);
  EXPECT_THAT(matching("/d/%"), ElementsAre("/d/.hidden", "/d/README", "/d/name1", "/d/name_"));
  EXPECT_THAT(matching("/d/name_"), ElementsAre("/d/name1", "/d/name_"));
  EXPECT_THAT(matching("/d/read%"), ElementsAre("/d/README"));
  EXPECT_THAT(matching("/d/%", PatternDialect::osquery), ElementsAre("/d/README", "/d/name1", "/d/name_"));
  EXPECT_THAT(matching("/d/name_", PatternDialect::osquery), ElementsAre("/d/name_"));
  EXPECT_THAT(matching("/d/%%", PatternDialect::osquery), Not(Contains("/d/.hidden")));
}

TEST_F(PathWalkTest, OsqueryMarksDirectories) {
  for (const auto path : {"d/sub/x", "d/plain"}) file(path);
  link("sub", "d/to_sub");
  auto one = walk(PatternDialect::osquery);
  one.add_pattern("/d/%%");
  std::vector<std::string> found;
  while (one.next()) {
    found.emplace_back(one.path());
    if (found.back() == "/d/sub/") {
      EXPECT_EQ(one.directory(), "/d/sub");
      EXPECT_EQ(one.filename(), ".");
      EXPECT_TRUE(S_ISDIR(one.facts()->stx_mode));
    }
  }
  EXPECT_THAT(found, ElementsAre("/d/plain", "/d/sub/", "/d/sub/x", "/d/to_sub/", "/d/to_sub/x"));
}

TEST_F(PathWalkTest, ATrailingSlashAsksForDirectories) {
  for (const auto path : {"d/sub/x", "d/plain"}) file(path);
  EXPECT_THAT(matching("/d/%/"), ElementsAre("/d/sub/"));
  EXPECT_THAT(matching("/%%/"), ElementsAre("/d/", "/d/sub/"));
}

TEST_F(PathWalkTest, Directories) {
  for (const auto path : {"d/.hidden", "d/sub/x", "e/y"}) file(path);
  auto one = walk();
  one.add_directory("/d");
  ASSERT_TRUE(one.next());
  EXPECT_EQ(one.path(), "/d/.hidden");
  EXPECT_EQ(one.directory(), "/d");
  EXPECT_THAT(all(one), ElementsAre("/d/sub"));

  auto slash = walk(PatternDialect::osquery);
  slash.add_directory("/d/");
  slash.add_directory("/absent");
  slash.add_directory("/e/y");
  ASSERT_TRUE(slash.next());
  EXPECT_EQ(slash.path(), "/d/.hidden");
  EXPECT_EQ(slash.directory(), "/d/");
  EXPECT_THAT(all(slash), ElementsAre("/d/sub"));

  auto plain = walk(PatternDialect::osquery);
  plain.add_directory("/d");
  EXPECT_THAT(all(plain), ElementsAre("/d/.hidden", "/d/sub"));  // no slash, dot files too

  auto pattern = walk();
  pattern.add_directory_pattern("/%");
  EXPECT_THAT(all(pattern), ElementsAre("/d/.hidden", "/d/sub", "/e/y"));
  auto deep = walk();
  deep.add_directory_pattern("/%%");
  EXPECT_THAT(all(deep), ElementsAre("/d/.hidden", "/d/sub", "/d/sub/x", "/e/y"));
}

TEST_F(PathWalkTest, LinksAreFollowedOnceAndNeverInCircles) {
  file("d/real/x");
  link("..", "d/real/up");
  link("real", "d/again");
  link("loop", "d/loop");
  link("nowhere", "d/dangling");
  EXPECT_THAT(matching("/d/%%"), ElementsAre("/d/again", "/d/again/up", "/d/again/x", "/d/dangling", "/d/loop",
                                             "/d/real", "/d/real/up", "/d/real/x"));
  EXPECT_THAT(errors_, IsEmpty());
}

TEST_F(PathWalkTest, ALatticeOfLinksIsWalkedInLinearTime) {
  for (int i = 0; i < 40; ++i) {
    const auto here = "l/" + std::to_string(i);
    fs::create_directories(top_ / here);
    link("../" + std::to_string(i + 1), here + "/a");
    link("../" + std::to_string(i + 1), here + "/b");
  }
  EXPECT_LT(matching("/l/0/%%").size(), 200u);
}

TEST_F(PathWalkTest, FactsFollowLinks) {
  file("d/file", "four");
  link("/d/file", "d/absolute");  // inside the root
  link("nowhere", "d/dangling");
  auto one = walk();
  one.add_path("/d/absolute");
  one.add_path("/d/dangling");
  ASSERT_TRUE(one.next());
  EXPECT_EQ(one.type(), static_cast<mode_t>(S_IFLNK));
  EXPECT_EQ(one.facts()->stx_size, 4u);
  EXPECT_TRUE(S_ISLNK(one.own_facts()->stx_mode));
  ASSERT_TRUE(one.next());
  for (int again = 0; again < 2; ++again) EXPECT_TRUE(S_ISLNK(one.facts()->stx_mode));
}

TEST_F(PathWalkTest, ThingsThatAreNoFiles) {
  fs::create_directories(top_ / "d");
  ::mkfifo((top_ / "d/fifo").c_str(), 0600);
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{AF_UNIX, ""};
  (top_ / "d/socket").native().copy(address.sun_path, sizeof address.sun_path - 1);
  ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  auto one = walk();
  one.add_pattern("/d/%%");
  ASSERT_TRUE(one.next());
  EXPECT_EQ(one.type(), static_cast<mode_t>(S_IFIFO));
  ASSERT_TRUE(one.next());
  EXPECT_EQ(one.type(), static_cast<mode_t>(S_IFSOCK));
  EXPECT_TRUE(one.facts());
}

TEST_F(PathWalkTest, NamesOfAnyBytes) {
  file("d/\xff\xfe");
  file("d/new\nline");
  EXPECT_THAT(matching("/d/%"), ElementsAre("/d/new\nline", "/d/\xff\xfe"));
}

TEST(PathWalk, MoreEntriesThanABatch) {
  std::string pattern = "/dev/shm/path_walk_XXXXXX";  // in memory: on a disk making them takes seconds
  if (!::mkdtemp(pattern.data())) GTEST_SKIP() << "no /dev/shm";
  const fs::path top = pattern;
  const std::string padding(120, 'x');
  for (int i = 0; i < 18'000; ++i) ::close(::creat((top / (padding + std::to_string(i))).c_str(), 0600));
  PathWalk walk(*Root::at(top), {});
  walk.add_directory("/");
  std::size_t count = 0;
  while (walk.next()) ++count;
  EXPECT_EQ(count, 18'000u);  // over 2 MiB of names
  fs::remove_all(top);
}

TEST_F(PathWalkTest, DirectoriesComeOutOfTheBudget) {  // LIM-15
  for (const auto path : {"d/a/x", "d/b/x", "d/c/x"}) file(path);
  IoBudget budget({.bytes = 0, .opens = 4});
  PathWalk::Options options;
  options.budget = &budget;
  options.interrupt = &interrupt_;
  PathWalk one(root_, std::move(options));
  one.add_pattern("/d/%%");
  EXPECT_EQ(all(one).size(), 6u);
  EXPECT_EQ(budget.opens().waits, 0u);
  // The next of them would have to wait: an interrupt ends that, and the walk.
  while (budget.open([] { return true; })) {
  }
  PathWalk::Options more;
  more.budget = &budget;
  more.interrupt = &interrupt_;
  PathWalk two(root_, std::move(more));
  two.add_pattern("/d/%%");
  interrupt_.request();
  EXPECT_FALSE(two.next());
}

TEST_F(PathWalkTest, WhatVanishesIsNoError) {
  for (const auto path : {"d/a/x", "d/b/x", "d/c/x"}) file(path);
  auto one = walk();
  one.add_pattern("/d/%%");
  ASSERT_TRUE(one.next());
  fs::remove_all(top_ / "d/a");
  fs::remove_all(top_ / "d/b");
  ASSERT_TRUE(one.next());
  EXPECT_EQ(one.path(), "/d/b");
  EXPECT_FALSE(one.facts());
  EXPECT_THAT(all(one), ElementsAre("/d/c", "/d/c/x"));
  EXPECT_THAT(errors_, IsEmpty());
}

TEST_F(PathWalkTest, DeepTreesEnd) {
  fs::path deep = "d";
  for (int i = 0; i < 100; ++i) deep /= "n";
  fs::create_directories(top_ / deep);
  EXPECT_EQ(matching("/d/%%").size(), PathWalk::kMaxDepth + 1);
  EXPECT_THAT(errors_, ElementsAre(HasSubstr("nested too deep")));
}

TEST_F(PathWalkTest, Interrupted) {
  file("d/a");
  auto one = walk();
  one.add_pattern("/d/%%");
  interrupt_.request();
  EXPECT_FALSE(one.next());
}

TEST(PathWalk, KernelFilesystemsAreWalkedOnlyByName) {
  std::vector<std::string> errors;
  const auto found = [&](std::string_view like) {
    PathWalk::Options options;
    options.on_error = [&](const Error& error) { errors.push_back(error.text()); };
    PathWalk walk(Root::host(), std::move(options));
    walk.add_pattern(like);
    std::size_t count = 0;
    while (walk.next()) ++count;
    return count;
  };
  EXPECT_EQ(found("/pro_/version"), 0u);
  EXPECT_THAT(errors, Contains(HasSubstr("kernel filesystem")));
  errors.clear();
  EXPECT_EQ(found("/proc/versio_"), 1u);
  EXPECT_GT(found("/proc/self/%"), 10u);
  EXPECT_THAT(errors, IsEmpty());
}

}  // namespace
}  // namespace osprey::linux
