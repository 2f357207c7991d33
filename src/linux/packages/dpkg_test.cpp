#include "linux/packages/dpkg.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/temporary_tree.h"

namespace osprey::linux {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kStatus =
    "Package: libc6\nStatus: install ok installed\nPriority: optional\nSection: libs\nInstalled-Size: 13001\n"
    "Maintainer: Glibc <g@example.test>\nArchitecture: amd64\nMulti-Arch: same\nSource: glibc\nVersion: 2.36-9\n"
    "Description: C library\n text: with a colon\n\n"
    "Package: login\nStatus: hold ok installed\nMaintainer: x\nArchitecture: amd64\nVersion: 1:4.13+dfsg1-1+b1\n\n"
    "Package: gone\nStatus: purge ok not-installed\nArchitecture: amd64\n\n";

TEST(DpkgReader, FieldsOfAPackage) {
  DpkgReader reader(kStatus);
  const auto libc = reader.next();
  ASSERT_TRUE(libc);
  EXPECT_EQ(libc->name, "libc6");
  EXPECT_EQ(libc->version(), "2.36-9");
  EXPECT_EQ(libc->revision(), "9");
  EXPECT_EQ(libc->source, "glibc");
  EXPECT_EQ(libc->size(), 13001);
  EXPECT_EQ(libc->priority(), "optional");
  EXPECT_EQ(libc->status, "install ok installed");
  EXPECT_TRUE(libc->coinstallable());
  EXPECT_FALSE(libc->on_hold());
  const auto login = reader.next();
  ASSERT_TRUE(login);
  EXPECT_EQ(login->version(), "1:4.13+dfsg1-1+b1");
  EXPECT_EQ(login->revision(), "1+b1");
  EXPECT_EQ(login->size(), std::nullopt);
  EXPECT_EQ(login->priority(), "unknown");
  EXPECT_TRUE(login->on_hold());
  const auto gone = reader.next();
  ASSERT_TRUE(gone);
  EXPECT_TRUE(gone->not_installed());
  EXPECT_FALSE(reader.next());
  EXPECT_FALSE(reader.cut());
  EXPECT_EQ(reader.malformed(), 0u);
}

TEST(DpkgReader, Versions) {
  DpkgPackage package;
  EXPECT_EQ(package.version(), "<none>");
  EXPECT_EQ(package.revision(), "");
  package.full_version = "0:3.134";
  EXPECT_EQ(package.version(), "3.134");
  EXPECT_EQ(package.revision(), "");
  package.full_version = "0:1:2-3-4";
  EXPECT_EQ(package.version(), "0:1:2-3-4");
  EXPECT_EQ(package.revision(), "4");
}

// A cut at every byte: never a package without its version, and a word about it unless the cut is between two lines.
TEST(DpkgReader, CutAnywhere) {
  const auto boundary = kStatus.find("\n\n") + 2;
  for (std::size_t size = 1; size < kStatus.size(); ++size) {
    DpkgReader reader(kStatus.substr(0, size));
    std::size_t count = 0;
    while (const auto package = reader.next()) {
      ++count;
      EXPECT_FALSE(package->full_version.empty());
    }
    if (size < kStatus.find("Description")) {
      EXPECT_EQ(count, 0u) << size;
      EXPECT_TRUE(reader.cut()) << size;
    }
    if (size == boundary) {
      EXPECT_EQ(count, 1u);
      EXPECT_FALSE(reader.cut());
    }
  }
}

TEST(DpkgReader, BadLinesAreSkippedAndCounted) {
  const std::string text = std::string("Package: a\nrubbish\nVersion: 1\n") + std::string(100, '\0') +
                           "\n\nVersion: 2\n\npackage: b\nversion: 3\n\n" + std::string(1 << 20, 'x') + "\n\n";
  DpkgReader reader(text);
  ASSERT_EQ(reader.next()->name, "a");
  const auto b = reader.next();
  ASSERT_TRUE(b);
  EXPECT_EQ(b->name, "b");
  EXPECT_EQ(b->full_version, "3");
  EXPECT_FALSE(reader.next());
  EXPECT_EQ(reader.malformed(), 5u);
}

class Database : public TemporaryTree {
 protected:
  Database() {
    std::filesystem::create_directories(top / "db/status.d");
    std::filesystem::create_directories(top / "db/updates");
  }
  std::vector<std::string> names() {
    DpkgDatabase database(root(), "/db", Interrupt::never(),
                          [&](const Error& error) { errors_.push_back(error.text()); });
    std::vector<std::string> found;
    while (const auto package = database.next())
      found.push_back(std::string(package->name) + " " + std::string(package->version()) + " " +
                      std::string(package->status));
    std::erase_if(errors_, [](auto& text) { return text.find("No such file") != text.npos; });
    return found;
  }

  std::vector<std::string> errors_;
};

TEST_F(Database, StatusWithoutWhatIsNotInstalled) {
  write("db/status", kStatus);
  EXPECT_THAT(names(), ElementsAre("libc6 2.36-9 install ok installed", "login 1:4.13+dfsg1-1+b1 hold ok installed"));
  EXPECT_THAT(errors_, IsEmpty());
}

TEST_F(Database, JournalReplacesOlderStanzas) {
  write("db/status", kStatus);
  write("db/updates/0000", "Package: login\nStatus: install ok unpacked\nArchitecture: amd64\nVersion: 2\n");
  write("db/updates/0001", "Package: login\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2\n");
  write("db/updates/0002",
        "Package: libc6\nStatus: install ok installed\nArchitecture: i386\nMulti-Arch: same\nVersion: 3\n");
  write("db/updates/tmp.i", "Package: half\nStatus: install ok installed\nVersion: 2\n");
  EXPECT_THAT(names(), ElementsAre("libc6 2.36-9 install ok installed", "login 2 install ok installed",
                                   "libc6 3 install ok installed"));
}

TEST_F(Database, StatusDirectoryOfMinimalImages) {
  write("db/status.d/tzdata", "Package: tzdata\nVersion: 2024a-0\nArchitecture: all\nMaintainer: x");
  write("db/status.d/tzdata.md5sums", "0000  usr/share/zoneinfo/UTC\n");
  write("db/status.d/base", "Package: base-files\nVersion: 12\nArchitecture: amd64\n");
  EXPECT_THAT(names(), ElementsAre("base-files 12 install ok installed", "tzdata 2024a-0 install ok installed"));
  EXPECT_THAT(errors_, IsEmpty());
}

TEST_F(Database, WhatIsNoRegularFileIsSaidAndTheRestRead) {
  ASSERT_EQ(::mkfifo((top / "db/status").c_str(), 0600), 0);
  std::filesystem::create_symlink("loop", top / "db/status.d/loop");
  write("db/status.d/ok", "Package: ok\nVersion: 1\n");
  EXPECT_THAT(names(), ElementsAre("ok 1 install ok installed"));
  EXPECT_THAT(errors_, ElementsAre(HasSubstr("FIFO"), HasSubstr("loop")));
}

TEST_F(Database, HalfAFileIsSaid) {
  write("db/status", kStatus.substr(0, kStatus.find("Package: login") + 30));
  EXPECT_THAT(names(), ElementsAre("libc6 2.36-9 install ok installed"));
  EXPECT_THAT(errors_, ElementsAre(HasSubstr("/db/status: ends in the middle of a package")));
}

TEST_F(Database, FilesBesideThePackage) {
  write("db/status", kStatus);
  write("db/info/libc6:amd64.list", "/.\n");
  write("apt/extended_states", "Package: login\nArchitecture: amd64\nAuto-Installed: 1\n\n");
  DpkgDatabase database(root(), "/db/", Interrupt::never(), [](const Error&) {});
  const auto libc = database.next();
  EXPECT_GT(database.install_time(*libc).value_or(0), 1600000000);
  EXPECT_EQ(database.automatic(*libc).value(), false);
  const auto login = database.next();
  EXPECT_TRUE(database.install_time(*login).error().absent());
  EXPECT_EQ(database.automatic(*login).value(), true);
}

TEST_F(Database, WithoutAptNobodyKnowsWhatIsAutomatic) {
  write("db/status", kStatus);
  DpkgDatabase database(root(), "/db", Interrupt::never(), [](const Error&) {});
  EXPECT_TRUE(database.automatic(*database.next()).error().absent());
}

}  // namespace
}  // namespace osprey::linux
