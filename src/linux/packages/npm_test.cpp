#include "linux/packages/npm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/temporary_tree.h"

namespace osprey::linux {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

TEST(NpmManifest, Fields) {
  const auto manifest = parse_npm_manifest(
      R"({"name":"@s/a","version":"1.2.3","description":"d","homepage":"https://a","author":{"name":"A"},)"
      R"("license":"MIT","scripts":{"postinstall":"x"},"_integrity":"sha512-x"})");
  ASSERT_TRUE(manifest);
  EXPECT_EQ(manifest->name, "@s/a");
  EXPECT_EQ(manifest->version, "1.2.3");
  EXPECT_EQ(manifest->description, "d");
  EXPECT_EQ(manifest->homepage, "https://a");
  EXPECT_EQ(manifest->author, "A");
  EXPECT_EQ(manifest->license, "MIT");
  EXPECT_EQ(manifest->integrity, "sha512-x");
  EXPECT_TRUE(manifest->install_script);
}

TEST(NpmManifest, OldFormsAndWrongTypes) {
  const auto old = parse_npm_manifest(
      R"({"name":7,"author":"B <b@x>","license":{"type":"MIT","url":"https://l"},"scripts":{"test":"x"},"version":null})");
  ASSERT_TRUE(old);
  EXPECT_EQ(old->name, "");
  EXPECT_EQ(old->version, "");
  EXPECT_EQ(old->author, "B <b@x>");
  EXPECT_EQ(old->license, "https://l");
  EXPECT_FALSE(old->install_script);
  EXPECT_EQ(parse_npm_manifest("{\"name\":\"\xff\"}")->name, "\xff");
  EXPECT_EQ(parse_npm_manifest(R"({"scripts":[1],"author":[2],"license":["MIT"]})")->license, "");
}

TEST(NpmManifest, WhatIsNoManifest) {
  EXPECT_FALSE(parse_npm_manifest(""));
  EXPECT_FALSE(parse_npm_manifest("[]"));
  EXPECT_FALSE(parse_npm_manifest("{\"name\":"));
  EXPECT_THAT(parse_npm_manifest(std::string(100000, '[')).error().message, HasSubstr("JSON"));
  EXPECT_FALSE(parse_npm_manifest(std::string("{\"a\":").append(100000, '[')));
}

TEST(NpmLock, Packages) {
  const auto lock = parse_npm_lock(
      R"({"lockfileVersion":3,"packages":{"node_modules/a":{"integrity":"sha512-a","hasInstallScript":true},"node_modules/b":7}})");
  ASSERT_TRUE(lock);
  ASSERT_EQ(lock->size(), 1u);
  EXPECT_EQ(lock->begin()->second.integrity, "sha512-a");
  EXPECT_TRUE(lock->begin()->second.install_script);
}

class NpmTree : public TemporaryTree {
 protected:
  void package(const std::string& path) { write(path + "/package.json", "{}"); }
  std::vector<std::string> walk(const std::string& folder, std::int64_t max_depth = 100) const {
    NpmWalk packages(root(), folder, max_depth, Interrupt::never());
    std::vector<std::string> found;
    while (const auto package = packages.next())
      found.push_back(std::to_string(package->depth) + " " + std::string(package->folder()));
    return found;
  }
};

TEST_F(NpmTree, NestedAndScoped) {
  package("l/node_modules/npm");
  package("l/node_modules/npm/node_modules/abbrev");
  package("l/node_modules/npm/node_modules/@npmcli/fs");
  package("l/node_modules/npm/node_modules/@npmcli/fs/node_modules/semver");
  package("l/node_modules/corepack");
  package("l/node_modules/.bin");
  fs::create_directories(top / "l/node_modules/empty");
  EXPECT_THAT(walk("/l/"),
              ElementsAre("0 /l/node_modules/corepack", "0 /l/node_modules/npm",
                          "1 /l/node_modules/npm/node_modules/abbrev", "1 /l/node_modules/npm/node_modules/@npmcli/fs",
                          "2 /l/node_modules/npm/node_modules/@npmcli/fs/node_modules/semver"));
  EXPECT_EQ(walk("/l", 0).size(), 2u);
  EXPECT_EQ(walk("/l", 1).size(), 4u);
  EXPECT_EQ(walk("/l", -1).size(), 5u);
  EXPECT_TRUE(walk("/nothing").empty());
  EXPECT_TRUE(walk("relative").empty());
}

TEST_F(NpmTree, LinksThatLeadBackEnd) {
  package("l/node_modules/a");
  fs::create_directory_symlink("../..", top / "l/node_modules/a/node_modules");
  fs::create_symlink("self", top / "l/node_modules/self");
  fs::create_directory_symlink("../../l", top / "l/node_modules/up");
  EXPECT_THAT(walk("/l", -1), ElementsAre("0 /l/node_modules/a"));
}

TEST_F(NpmTree, PnpmStore) {
  package("g/node_modules/.pnpm/a@1/node_modules/a");
  package("g/node_modules/.pnpm/b@2/node_modules/b");
  fs::create_directory_symlink("../../b@2/node_modules/b", top / "g/node_modules/.pnpm/a@1/node_modules/b");
  fs::create_directory_symlink(".pnpm/a@1/node_modules/a", top / "g/node_modules/a");
  EXPECT_THAT(walk("/g"), ElementsAre("0 /g/node_modules/a", "1 /g/node_modules/.pnpm/a@1/node_modules/b"));
}

TEST_F(NpmTree, Folders) {
  for (const auto* folder :
       {"usr/lib", "usr/local/lib", "home/a/.nvm/versions/node/v20.1.0/lib", "home/a/.config/yarn/global",
        "home/a/.bun/install/global", "home/a/.local/share/pnpm/global/5", "srv/app", "srv/shop"})
    fs::create_directories(top / folder / "node_modules");
  EXPECT_THAT(system_npm_folders(root(), Interrupt::never()), UnorderedElementsAre("/usr/lib/", "/usr/local/lib/"));
  EXPECT_THAT(home_npm_folders(root(), "/home/a", Interrupt::never()),
              UnorderedElementsAre("/home/a/.nvm/versions/node/v20.1.0/lib/", "/home/a/.config/yarn/global/",
                                   "/home/a/.bun/install/global/", "/home/a/.local/share/pnpm/global/5/"));
  const auto process = [&](const std::string& pid, const char* exe, const char* cwd, const char* jail) {
    fs::create_directories(top / "proc" / pid);
    fs::create_symlink(exe, top / "proc" / pid / "exe");
    fs::create_symlink(cwd, top / "proc" / pid / "cwd");
    fs::create_symlink(jail, top / "proc" / pid / "root");
  };
  process("10", "/usr/bin/node", "/srv/app/dist/server", "/");
  process("11", "/usr/bin/node", "/srv/shop", "/srv/jail");
  process("12", "/usr/bin/python3", "/srv/shop", "/");
  process("13", "/usr/bin/node", "/", "/");
  EXPECT_THAT(process_npm_folders(root(), Interrupt::never()), ElementsAre("/srv/app/"));
}

}  // namespace
}  // namespace osprey::linux
