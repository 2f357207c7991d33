#include "linux/packages/python.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/temporary_tree.h"

namespace osprey::linux {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(PythonMetadata, Headers) {
  const auto metadata = parse_python_metadata(
      "Metadata-Version: 2.1\nName: requests\nVersion: 2.31.0\nSummary: HTTP: for humans\nAuthor: K\n"
      "License: Apache 2.0\n        of long text\nRequires-Dist: a\n\nLicense: not this one\n");
  EXPECT_EQ(metadata.name, "requests");
  EXPECT_EQ(metadata.version, "2.31.0");
  EXPECT_EQ(metadata.summary, "HTTP: for humans");
  EXPECT_EQ(metadata.author, "K");
  EXPECT_EQ(metadata.license, "Apache 2.0");
  EXPECT_EQ(parse_python_metadata("License-Expression: MIT\r\n").license, "MIT");
  EXPECT_EQ(parse_python_metadata("").name, "");
}

TEST(PythonMetadata, Editable) {
  EXPECT_TRUE(is_editable(R"({"dir_info": {"editable": true}, "url": "file:///src"})"));
  EXPECT_FALSE(is_editable(R"({"dir_info": {}, "url": "file:///src"})"));
  EXPECT_FALSE(is_editable(R"({"dir_info": {"editable": "true"}})"));
  EXPECT_FALSE(is_editable("[1]"));
  EXPECT_FALSE(is_editable("{"));
  EXPECT_FALSE(is_editable(std::string(100000, '[')));
}

TEST(PythonMetadata, Environment) {
  EXPECT_EQ(python_environment("/usr/lib/python3/dist-packages/"), "/usr");
  EXPECT_EQ(python_environment("/home/a/.venv/lib/python3.11/site-packages"), "/home/a/.venv");
  EXPECT_EQ(python_environment("/x/"), "");
}

using PythonSites = TemporaryTree;

TEST_F(PythonSites, PackagesOfEveryKind) {
  write("s/a-1.0.dist-info/METADATA", "Name: a\nVersion: 1.0\n");
  write("s/a-1.0.dist-info/INSTALLER", "pip\n");
  write("s/a-1.0.dist-info/direct_url.json", R"({"dir_info":{"editable":true}})");
  write("s/b-2.egg-info/PKG-INFO", "Name: b\nVersion: 2\n");
  write("s/c-3.egg-info", "Name: c\nVersion: 3\n");
  write("s/d_e-4.0-py3.dist-info/METADATA", "Summary: without a name\n");
  write("s/file.dist-info", "not a directory");
  fs::create_directories(top / "s/gone-1.dist-info");
  fs::create_symlink("loop.dist-info", top / "s/loop.dist-info");
  fs::create_directories(top / "s/pipe-1.dist-info");
  ASSERT_EQ(::mkfifo((top / "s/pipe-1.dist-info/METADATA").c_str(), 0600), 0);
  const auto packages = python_packages_in(root(), "/s").value();
  std::vector<std::string> answers;
  for (const auto& package : packages) {
    const auto metadata = package.metadata(root());
    answers.push_back(package.path + " " +
                      (metadata ? metadata->name + " " + metadata->version : metadata.error().message));
  }
  EXPECT_THAT(answers, ElementsAre("/s/a-1.0.dist-info a 1.0", "/s/b-2.egg-info b 2", "/s/c-3.egg-info c 3",
                                   "/s/d_e-4.0-py3.dist-info d_e 4.0", HasSubstr("/s/gone-1.dist-info No such file"),
                                   "/s/pipe-1.dist-info is a FIFO"));
  EXPECT_EQ(packages[0].installer(root()).value(), "pip");
  EXPECT_TRUE(packages[0].editable(root()).value());
  EXPECT_FALSE(packages[1].editable(root()).value());
  EXPECT_FALSE(packages[2].editable(root()).value());
  EXPECT_TRUE(packages[2].installer(root()).error().absent());
}

TEST_F(PythonSites, WhereTheyAre) {
  for (const auto* site :
       {"usr/lib/python3/dist-packages", "usr/local/lib/python3.11/site-packages", "usr/lib64/python3.9/site-packages",
        "opt/pipx/venvs/tool/lib/python3.12/site-packages", "opt/conda/envs/x/lib/python3.10/site-packages",
        "home/a/.local/lib/python3.11/site-packages", "home/a/.pyenv/versions/3.12.1/lib/python3.12/site-packages",
        "home/a/miniconda3/lib/python3.11/site-packages", "home/a/project/.venv/lib/python3.11/site-packages",
        "srv/conda/lib/python3.8/site-packages", "home/b/.local/lib/python3.11/site-packages"})
    fs::create_directories(top / site);
  fs::create_symlink("lib", top / "home/a/project/.venv/lib64");
  fs::create_symlink("3.12.1", top / "home/a/.pyenv/versions/3.12");
  write("home/a/.conda/environments.txt", "/srv/conda\n/gone\nrelative\n");
  EXPECT_THAT(
      system_python_sites(root(), Interrupt::never()),
      ElementsAre("/usr/local/lib/python3.11/site-packages/", "/usr/lib/python3/dist-packages/",
                  "/usr/lib64/python3.9/site-packages/", "/opt/pipx/venvs/tool/lib/python3.12/site-packages/",
                  "/opt/conda/envs/x/lib/python3.10/site-packages/", "/srv/conda/lib/python3.8/site-packages/"));
  const auto home = home_python_sites(root(), "/home/a/", Interrupt::never());
  EXPECT_THAT(
      home,
      ElementsAre(testing::MatchesRegex("/home/a/.pyenv/versions/3.12(.1)?/lib/python3.12/site-packages/"),
                  "/home/a/.local/lib/python3.11/site-packages/", "/home/a/project/.venv/lib/python3.11/site-packages/",
                  "/home/a/miniconda3/lib/python3.11/site-packages/", "/srv/conda/lib/python3.8/site-packages/"));
  EXPECT_TRUE(home_python_sites(root(), "relative", Interrupt::never()).empty());
  EXPECT_TRUE(home_python_sites(root(), "/home/%", Interrupt::never()).empty());
}

}  // namespace
}  // namespace osprey::linux
