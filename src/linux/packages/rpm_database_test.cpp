#include "linux/packages/rpm_database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <sstream>

#include "base/temporary_tree.h"

namespace osprey::linux {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const fs::path kRoots = fs::path(OSPREY_TESTS_DIRECTORY) / "roots";

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Answer {
  std::vector<std::string> names;
  std::vector<std::string> errors;
};

Answer read(const fs::path& root, std::optional<std::vector<std::string>> names = {}) {
  Answer answer;
  auto database = RpmDatabase::open(*Root::at(root), names, Interrupt::never(),
                                    [&](const Error& error) { answer.errors.push_back(error.text()); });
  if (!database) {
    answer.errors.push_back(database.error().text());
    return answer;
  }
  while (const auto header = database->next()) answer.names.emplace_back(header->text(RpmTag::name).value_or("?"));
  return answer;
}

class RpmFormats : public TemporaryTree, public testing::WithParamInterface<std::pair<std::string, std::string>> {
 protected:
  RpmFormats() { write(GetParam().second, read_file(kRoots / GetParam().first / GetParam().second)); }
  fs::path file() const { return top / GetParam().second; }
};

TEST_P(RpmFormats, AllPackages) {
  const auto answer = read(top);
  EXPECT_THAT(answer.names, testing::UnorderedElementsAre("alpha", "beta-libs", "gamma"));
  EXPECT_THAT(answer.errors, IsEmpty());
}

// Whatever the length: no crash, no hang, and a word about it unless all packages are there.
TEST_P(RpmFormats, CutAnywhere) {
  const auto whole = fs::file_size(file());
  for (auto size = whole - 1; size > 0; size -= std::min<std::uintmax_t>(size, whole / 101)) {
    fs::resize_file(file(), size);
    const auto answer = read(top);
    EXPECT_TRUE(answer.names.size() == 3 || !answer.errors.empty()) << size;
  }
}

TEST_P(RpmFormats, EveryByteFlippedInTurn) {
  const auto bytes = read_file(file());
  for (std::size_t at = 0; at < bytes.size(); at += 97) {
    auto broken = bytes;
    broken[at] = static_cast<char>(~broken[at]);
    write(GetParam().second, broken);
    EXPECT_LE(read(top).names.size(), 3u) << at;
  }
}

TEST_P(RpmFormats, NotAFileAtAll) {
  fs::remove(file());
  ASSERT_EQ(::mkfifo(file().c_str(), 0600), 0);
  EXPECT_THAT(read(top).errors, ElementsAre(HasSubstr("is a FIFO")));
}

INSTANTIATE_TEST_SUITE_P(Rpm, RpmFormats,
                         testing::Values(std::pair("fedora", "var/lib/rpm/rpmdb.sqlite"),
                                         std::pair("opensuse", "usr/lib/sysimage/rpm/Packages.db"),
                                         std::pair("centos-7", "var/lib/rpm/Packages")),
                         [](const auto& format) {
                           return format.param.first == "centos-7" ? "centos7" : format.param.first;
                         });

TEST(RpmDatabaseTest, NamesGoToTheIndex) {
  EXPECT_THAT(read(kRoots / "fedora", {{"gamma", "alpha", "nosuch"}}).names, ElementsAre("gamma", "alpha"));
  EXPECT_THAT(read(kRoots / "fedora", {std::vector<std::string>{}}).names, IsEmpty());
}

TEST(RpmDatabaseTest, NoneIsNoError) {
  const auto database =
      RpmDatabase::open(*Root::at(kRoots / "distroless"), {}, Interrupt::never(), [](const Error&) {});
  ASSERT_FALSE(database);
  EXPECT_TRUE(database.error().absent());
}

TEST(BerkeleyRecords, AChainOfPagesThatLoopsEnds) {
  auto bytes = read_file(kRoots / "centos-7/var/lib/rpm/Packages");
  // Every overflow page points to itself.
  for (std::size_t page = 1; page * 4096 < bytes.size(); ++page)
    if (bytes[page * 4096 + 25] == 7) bytes[page * 4096 + 16] = static_cast<char>(page);
  auto records = berkeley_records(RandomAccess(bytes)).value();
  std::size_t count = 0;
  for (auto record = records->next(); record && *record; record = records->next()) ++count;
  EXPECT_EQ(count, 3u);
}

}  // namespace
}  // namespace osprey::linux
