#include "sql/functions/version.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

#include "sql/functions/testing.h"

namespace osprey::sql {
namespace {

using enum VersionFlavour;

// Each version of a ladder is older than every later one.
void expect_ladder(const std::vector<std::string_view>& versions, VersionFlavour flavour) {
  for (std::size_t i = 0; i < versions.size(); ++i) {
    for (std::size_t j = 0; j < versions.size(); ++j) {
      const int expected = i < j ? -1 : i > j ? 1 : 0;
      EXPECT_EQ(compare_versions(versions[i], versions[j], flavour), expected) << versions[i] << ' ' << versions[j];
    }
  }
}

void expect_equal(std::string_view a, std::string_view b, VersionFlavour flavour) {
  EXPECT_EQ(compare_versions(a, b, flavour), 0) << a << ' ' << b;
  EXPECT_EQ(compare_versions(b, a, flavour), 0) << b << ' ' << a;
}

// deb-version(7).
TEST(Versions, Debian) {
  expect_ladder({"~~", "~~a", "~", "", "a"}, dpkg);
  expect_ladder({"1.0~beta1~svn1245", "1.0~beta1", "1.0", "1.0-1~bpo1", "1.0-1", "1.0-1ubuntu2", "1.0-1ubuntu10",
                 "1.0-1+b1", "1.0a", "1.0+b", "1.0.1", "1.9", "1.10", "1:0.1", "2:0.1", "10:0.1"},
                dpkg);
  expect_equal("1.0", "1.0-0", dpkg);
  expect_equal("0:1.0", "1.0", dpkg);
  expect_equal("01:1.01", "1:1.1", dpkg);
  expect_equal("1.", "1.0", dpkg);
  expect_ladder({"1-2-3", "1-10-1"}, dpkg);
  expect_ladder({"1.99999999999999999999998", "1.99999999999999999999999", "1.100000000000000000000000"}, dpkg);
}

// rpm-version(7) and the published cases of rpmvercmp.
TEST(Versions, Rpm) {
  expect_ladder(
      {"1.0~~", "1.0~rc1", "1.0~rc1^git1", "1.0~rc2", "1.0", "1.0^", "1.0^git1", "1.0^git2~pre.x", "1.0^git2", "1.0.1"},
      rhel);
  expect_ladder({"1.0a", "1.0.1", "1.9", "1.10", "2.a", "2.1", "2.1-1", "2.1-2", "2.1-10", "1:0.1", "10:0.1"}, rhel);
  expect_ladder({"xyz.4", "8"}, rhel);
  expect_ladder({"xyz.4", "2"}, rhel);
  expect_equal("2_0", "2.0", rhel);
  expect_equal("a+", "a_", rhel);
  expect_equal("10.0001", "10.1", rhel);
  expect_equal("0:1", "1", rhel);
  expect_ladder({"5.5p1", "5.5p2", "5.5p10"}, rhel);
  expect_ladder({"20101121", "20101122"}, rhel);
}

// vercmp(8).
TEST(Versions, Pacman) {
  expect_ladder({"1.0a", "1.0b", "1.0beta", "1.0p", "1.0pre", "1.0rc", "1.0", "1.0.a", "1.0.1"}, arch);
  expect_ladder({"1", "1.0", "1.1", "1.1.1", "1.2", "2.0", "3.0.0"}, arch);
  expect_ladder({"1.5-1", "1.5-2", "1.5-10", "1:0.1-1", "2:0.1"}, arch);
  expect_equal("1.0.", "1.0.", arch);
  expect_equal("1.001", "1.1", arch);
  expect_ladder({"1.0", "1..0"}, arch);
}

TEST(Versions, Generic) {
  expect_ladder({"", "1", "9", "01", "10", "abc"}, generic);
  expect_ladder({"1.0", "1.0.0", "1.0~rc1", "1.1", "1.0a", "1.10"}, generic);
}

// A colon's place decides in osquery, a number in the package managers.
TEST(Versions, Epochs) {
  EXPECT_EQ(compare_versions("02:1", "3:1", osquery_dpkg), 1);
  EXPECT_EQ(compare_versions("02:1", "3:1", dpkg), -1);
  EXPECT_EQ(compare_versions("a:2", "1.0", osquery_rhel), 1);
}

TEST(Versions, AnOrderHoldsBothWays) {
  const std::vector<std::string_view> odd = {"",  "~", "^",   ":",   "-",   ".",    "1:",   ":1",   "-1",    "1-",
                                             "é", "a", "a.1", "1.a", "1~^", "1^~1", "1-~1", "\xff", "..1..", "1a1"};
  for (const auto flavour : {generic, arch, dpkg, rhel, osquery_arch, osquery_dpkg, osquery_rhel}) {
    for (const auto a : odd) {
      for (const auto b : odd) {
        EXPECT_EQ(compare_versions(a, b, flavour), -compare_versions(b, a, flavour)) << a << ' ' << b;
      }
    }
  }
}

// Every version of up to four characters that a package may have, against every other by way of a third.
TEST(Versions, AnOrderIsTransitive) {
  std::vector<std::string> versions = {""};
  for (std::size_t i = 0; i < versions.size() && versions[i].size() < 4; ++i) {
    for (const char c : {'0', '2', 'a', '.', '~', '-', ':'}) {
      const bool separator = c == '.' || c == '~' || c == '-' || c == ':';
      if (separator && (versions[i].empty() || versions[i].size() == 3 || !std::isalnum(versions[i].back()))) continue;
      versions.push_back(versions[i] + c);
    }
  }
  std::erase_if(versions, [](const std::string& version) { return !version.empty() && !std::isalnum(version.back()); });
  for (const auto flavour : {generic, arch, dpkg, rhel, osquery_arch, osquery_dpkg, osquery_rhel}) {
    const auto older = [flavour](std::string_view a, std::string_view b) {
      return compare_versions(a, b, flavour) < 0;
    };
    // Sorted by a strict weak order every element is at most as new as all that follow.
    std::ranges::stable_sort(versions, older);
    for (std::size_t i = 0; i < versions.size(); ++i) {
      for (std::size_t j = i + 1; j < versions.size(); ++j) {
        EXPECT_FALSE(older(versions[j], versions[i])) << versions[j] << ' ' << versions[i];
      }
    }
  }
}

using VersionTest = FunctionsTest;

TEST_F(VersionTest, CollationsSortAndFind) {
  const auto sorted = [this](std::string_view collation) {
    return value(
        "(select group_concat(v, ' ') from (with t(v) as (values ('1.10'), ('1.9'), ('1.9~rc1'), ('1:0')) "
        "select v from t order by v collate " +
        std::string(collation) + "))");
  };
  EXPECT_EQ(sorted("version_dpkg"), "1.9~rc1 1.9 1.10 1:0");
  EXPECT_EQ(sorted("VERSION_RHEL"), "1.9~rc1 1.9 1.10 1:0");
  EXPECT_EQ(sorted("version_arch"), "1.9 1.9~rc1 1.10 1:0");
  EXPECT_EQ(value("'1.0-0' = '1.0' collate version_dpkg"), "1");
}

}  // namespace
}  // namespace osprey::sql
