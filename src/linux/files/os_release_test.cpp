#include "linux/files/os_release.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace osprey::linux {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(OsRelease, QuotesAndEscapes) {
  EXPECT_THAT(
      parse_os_release("# comment\nA=plain\nB=\"two words\"\nC='single \\n \"x\"'\nD=\"a \\\"b\\\" \\$c \\\\ \\d\"\n"
                       "E=one\\ word\n  F=indented\nG=\nH=\"last"),
      ElementsAre(Pair("A", "plain"), Pair("B", "two words"), Pair("C", "single \\n \"x\""),
                  Pair("D", "a \"b\" $c \\ \\d"), Pair("E", "one word"), Pair("F", "indented"), Pair("G", ""),
                  Pair("H", "last")));
}

TEST(OsRelease, WhatIsNoAssignmentIsLeftOutAndTheLastWins) {
  EXPECT_THAT(parse_os_release("export X=1\n=2\nA-B=3\nC\nD=1\r\nD=2"), ElementsAre(Pair("D", "2")));
}

TEST(OsRelease, ReleaseLines) {
  const auto line = parse_release_line("CentOS Linux  release 7.9.2009 (Core) \n");
  EXPECT_EQ(line.name, "CentOS Linux");
  EXPECT_EQ(line.version, "7.9.2009");
  EXPECT_EQ(line.codename, "Core");
  EXPECT_EQ(parse_release_line("Kylin Linux Advanced Server release V10 (Tercel)").version, "V10");
  EXPECT_EQ(parse_release_line("3.18.4").name, "");
  EXPECT_EQ(parse_release_line(" release ").version, "");
  EXPECT_EQ(parse_release_line("a release 1 )(").codename, "");
}

class OsVersionTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(directory_ / "etc"); }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  void write(const std::string& path, std::string_view text) {
    std::filesystem::create_directories((directory_ / path).parent_path());
    std::ofstream(directory_ / path, std::ios::binary) << text;
  }
  OsVersion read() { return read_os_version(*Root::at(directory_)).value(); }

  std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() / ("osprey-os-version-" + std::to_string(::getpid()));
};

TEST_F(OsVersionTest, NothingIsKnown) {
  const auto os = read();
  EXPECT_EQ(os.name, "Unknown");
  EXPECT_EQ(os.platform, "posix");
  EXPECT_EQ(os.major, 0);
}

TEST_F(OsVersionTest, RedHatReleaseIsTheVersion) {
  write("etc/os-release",
        "NAME=\"CentOS Linux\"\nVERSION=\"7 (Core)\"\nID=\"centos\"\nID_LIKE=\"rhel fedora\"\nVERSION_ID=\"7\"\n");
  write("etc/redhat-release", "CentOS Linux release 7.9.2009 (Core)\n");
  const auto os = read();
  EXPECT_EQ(os.name, "CentOS Linux");
  EXPECT_EQ(os.version, "CentOS Linux release 7.9.2009 (Core)");
  EXPECT_EQ(os.major, 7);
  EXPECT_EQ(os.minor, 9);
  EXPECT_EQ(os.patch, 2009);
  EXPECT_EQ(os.platform, "rhel");
  EXPECT_EQ(os.platform_like, "rhel");
}

TEST_F(OsVersionTest, ARedHatReleaseWithoutAMinorLeavesNameAndNumbers) {
  write("etc/os-release", "NAME=\"Fedora Linux\"\nID=fedora\nVERSION_ID=41\n");
  write("etc/redhat-release", "Fedora release 41 (Forty One)\n");
  const auto os = read();
  EXPECT_EQ(os.name, "Fedora Linux");
  EXPECT_EQ(os.major, 41);
  EXPECT_EQ(os.platform, "rhel");
}

TEST_F(OsVersionTest, DerivativesThatStandForThemselves) {
  write("etc/os-release",
        "NAME=\"Anolis OS\"\nVERSION=\"8.8\"\nID=\"anolis\"\nID_LIKE=\"rhel fedora centos\"\nVERSION_ID=\"8.8\"\n");
  write("etc/redhat-release", "Anolis OS release 8.8\n");
  EXPECT_EQ(read().platform, "anolis");
  EXPECT_EQ(read().minor, 8);
  std::filesystem::remove(directory_ / "etc/os-release");
  write("etc/anolis-release", "Anolis OS release 8.8\n");
  EXPECT_EQ(read().platform, "anolis");
  EXPECT_EQ(read().major, 8);
}

TEST_F(OsVersionTest, WithoutOsRelease) {
  write("etc/debian_version", "bookworm/sid\n");
  EXPECT_EQ(read().platform, "debian");
  EXPECT_EQ(read().codename, "bookworm");
  write("etc/SuSE-release", "SUSE Linux Enterprise Server 11 (x86_64)\nVERSION = 11\nPATCHLEVEL = 4\n");
  EXPECT_EQ(read().name, "SUSE Linux Enterprise Server");
  EXPECT_EQ(read().minor, 4);
  write("etc/redhat-release", "CentOS release 6.8 (Final)\n");
  EXPECT_EQ(read().name, "CentOS");
  EXPECT_EQ(read().platform, "rhel");
}

TEST_F(OsVersionTest, AnEmptyOsReleaseAndTheVendorsCopy) {
  write("etc/os-release", "");
  write("usr/lib/os-release", "NAME=Alpine\nID=alpine\nVERSION_ID=3.18.4\n");
  const auto os = read();
  EXPECT_EQ(os.version, "3.18.4");
  EXPECT_EQ(os.patch, 4);
}

TEST_F(OsVersionTest, ADirectoryInThePlaceOfAFileIsAnError) {
  write("etc/os-release/x", "");
  EXPECT_FALSE(read_os_version(*Root::at(directory_)));
}

}  // namespace
}  // namespace osprey::linux
