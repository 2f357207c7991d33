#include "agent/config/filesystem_config.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "agent/config/file_safety.h"
#include "base/temporary_tree.h"

namespace osprey::agent {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class FilesystemConfigTest : public TemporaryTree {
 protected:
  std::string path(const std::string& name) const { return top / name; }

  FilesystemConfig config(const std::string& name, bool compatible = false, bool allow_unsafe = false) {
    return FilesystemConfig({.path = path(name),
                             .osquery_compatible = compatible,
                             .allow_unsafe = allow_unsafe,
                             .warn = [this](const std::string& text) { warnings.push_back(text); }});
  }
  // The sources' names below the folder, and their texts.
  std::vector<std::string> texts(FilesystemConfig&& config) {
    std::vector<std::string> found;
    const auto sources = config.fetch();
    EXPECT_TRUE(sources) << sources.error().text();
    if (sources)
      for (const auto& [name, text] : *sources)
        found.push_back(name.substr(path("").size()) + "=" + text.value_or("error"));
    return found;
  }

  std::vector<std::string> warnings;
};

// CFG-05
TEST_F(FilesystemConfigTest, TheFileAndItsFolder) {
  for (const auto* name : {"c.conf", "c.conf.d/b.conf", "c.conf.d/a.conf", "c.conf.d/no.txt", "c.conf.d/.h.conf"})
    write(name, "{}");
  std::filesystem::create_directory(top / "c.conf.d/folder.conf");
  for (const bool compatible : {false, true})
    EXPECT_THAT(texts(config("c.conf", compatible)),
                ElementsAre("c.conf={}", "c.conf.d/a.conf={}", "c.conf.d/b.conf={}"));
}

TEST_F(FilesystemConfigTest, FoldersAndPatternsAreOurs) {
  for (const auto* name : {"etc/a.conf", "etc/b.conf", "etc/c.txt"}) write(name, "{}");
  EXPECT_THAT(texts(config("etc")), ElementsAre("etc/a.conf={}", "etc/b.conf={}"));
  EXPECT_THAT(texts(config("etc/[bc].*")), ElementsAre("etc/b.conf={}", "etc/c.txt={}"));
  for (const auto* name : {"etc", "etc/*.conf"})
    EXPECT_THAT(config(name, true).fetch().error().text(), HasSubstr("config file does not exist: ")) << name;
  std::filesystem::create_directory(top / "empty");
  EXPECT_FALSE(config("empty").fetch());
  EXPECT_FALSE(config("empty/*").fetch());
  EXPECT_FALSE(config("none").fetch());
}

TEST_F(FilesystemConfigTest, WhatIsNoFile) {
  write("c.conf", "{}");
  std::filesystem::create_directory(top / "c.conf.d");
  ASSERT_EQ(::mkfifo((top / "c.conf.d/fifo.conf").c_str(), 0600), 0);
  EXPECT_THAT(texts(config("c.conf")), ElementsAre("c.conf={}", "c.conf.d/fifo.conf=error"));
}

TEST_F(FilesystemConfigTest, FilesThatOthersCanChangeAreRefused) {
  write("c.conf", "{}");
  ::chmod((top / "c.conf").c_str(), 0666);
  const auto refused = config("c.conf").fetch();
  ASSERT_TRUE(refused);
  EXPECT_THAT(refused->begin()->second.error().text(),
              AllOf(HasSubstr("has mode 0666"), HasSubstr("run chmod o-w " + path("c.conf"))));
  EXPECT_THAT(texts(config("c.conf", false, true)), ElementsAre("c.conf={}")) << "--allow_unsafe";
  EXPECT_THAT(warnings, IsEmpty());
  EXPECT_THAT(texts(config("c.conf", true)), ElementsAre("c.conf={}")) << "osquery does not look";
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("0666")));
}

TEST_F(FilesystemConfigTest, AFolderThatOthersCanChange) {
  write("open/sub/c.conf", "{}");
  ::chmod((top / "open").c_str(), 0777);
  const auto refused = config("open/sub/c.conf").fetch();
  EXPECT_THAT(refused->begin()->second.error().text(),
              AllOf(HasSubstr(path("open/sub/c.conf: ")), HasSubstr(path("open") + " has mode 0777")));
  ::chmod((top / "open").c_str(), 01777);
  EXPECT_THAT(texts(config("open/sub/c.conf")), ElementsAre("open/sub/c.conf={}")) << "sticky: nobody can replace it";
}

TEST_F(FilesystemConfigTest, OwnersAndGroups) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  write("c.conf", "{}");
  ASSERT_EQ(::chown((top / "c.conf").c_str(), 4242, 0), 0);
  EXPECT_THAT(config("c.conf").fetch()->begin()->second.error().text(),
              AllOf(HasSubstr("belongs to user 4242"), HasSubstr("run chown 0 ")));
  ASSERT_EQ(::chown((top / "c.conf").c_str(), 0, 4242), 0);
  ::chmod((top / "c.conf").c_str(), 0664);
  EXPECT_THAT(config("c.conf").fetch()->begin()->second.error().text(), HasSubstr("run chmod g-w "));
  ASSERT_EQ(::chown((top / "c.conf").c_str(), 0, 0), 0);
  EXPECT_THAT(texts(config("c.conf")), ElementsAre("c.conf={}")) << "root's group may write";
}

TEST_F(FilesystemConfigTest, LinksAreJudgedWhereTheyLead) {
  write("safe/c.conf", "{}");
  write("open/real.conf", "{}");
  ::chmod((top / "open").c_str(), 0777);
  std::filesystem::create_symlink(top / "open/real.conf", top / "safe/link.conf");
  EXPECT_THAT(texts(config("safe")), ElementsAre("safe/c.conf={}", "safe/link.conf=error"));
}

TEST_F(FilesystemConfigTest, WhatIsWatched) {
  write("c.conf", "{}");
  write("packs/p.conf", "{}");
  auto source = config("c.conf");
  ASSERT_TRUE(source.fetch());
  EXPECT_TRUE(source.pack_files().read(path("packs/p.conf")));
  EXPECT_FALSE(source.pack_files().read(path("none")));
  EXPECT_THAT(source.pack_files().match(path("packs/*.conf")), ElementsAre(path("packs/p.conf")));
  const auto watched = source.watched();
  EXPECT_THAT(watched.files, ElementsAre(path("c.conf"), path("none"), path("packs/p.conf")));
  EXPECT_THAT(watched.folders, ElementsAre(path("c.conf.d"), path("packs")));
}

}  // namespace
}  // namespace osprey::agent
