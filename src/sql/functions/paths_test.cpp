#include "sql/functions/paths.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "sql/functions/testing.h"

namespace osprey::sql {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(CandidatePaths, EverySpaceMayEndThePath) {
  EXPECT_THAT(candidate_paths("/a b c", "", ""), ElementsAre("/a", "/a b", "/a b c"));
  EXPECT_THAT(candidate_paths("/a  b ", "", ""), ElementsAre("/a", "/a ", "/a  b", "/a  b "));
  EXPECT_THAT(candidate_paths("a /b", "", ""), IsEmpty());
  EXPECT_THAT(candidate_paths("", "", ""), IsEmpty());
}

TEST(CandidatePaths, QuotesAndEscapes) {
  EXPECT_THAT(candidate_paths("\"/a b\" c", "\"", ""), ElementsAre("/a b", "/a b c"));
  EXPECT_THAT(candidate_paths("/a\\ b c", "", "\\"), ElementsAre("/a b", "/a b c"));
  EXPECT_THAT(candidate_paths("'/a \"b' c", "'\"", "\\"), ElementsAre("/a \"b", "/a \"b c"));
  EXPECT_THAT(candidate_paths("/a\\", "", "\\"), ElementsAre("/a\\"));
}

TEST(CandidatePaths, EndWhereNoPathGoesOn) {
  EXPECT_THAT(candidate_paths(std::string("/a b\0 c", 7), "", ""), ElementsAre("/a"));
  EXPECT_LE(candidate_paths(std::string(100'000, '/') + " b", "", "").size(), 1u);
}

class PathsTest : public FunctionsTest {
 public:
  PathsTest() {
    std::filesystem::create_directories(directory_);
    std::ofstream(directory_ / "tool");
    std::ofstream(directory_ / "tool kit");
  }
  ~PathsTest() override { std::filesystem::remove_all(directory_); }

  std::string call(std::string_view function, std::string_view rest) {
    return value(fmt::format("{}('{}{}')", function, directory_.string(), rest));
  }

  const std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() / ("osprey_paths_" + std::to_string(getpid()));
};

TEST_F(PathsTest, FindsTheShortestFile) {
  EXPECT_EQ(call("find_file_path_in_cmd", "/tool kit -v"), (directory_ / "tool").string());
  EXPECT_EQ(call("find_file_path_in_cmd", " kit"), "") << "a directory is no program";
  EXPECT_EQ(value("find_file_path_in_cmd('\"" + directory_.string() + "/tool kit\" -v', '\"')"),
            (directory_ / "tool kit").string());
}

TEST_F(PathsTest, TwoFilesAreAmbiguous) {
  EXPECT_EQ(call("is_path_deterministic", "/tool -v"), "1");
  EXPECT_EQ(call("is_path_deterministic", "/tool kit -v"), "0");
  EXPECT_EQ(value("is_path_deterministic('\"" + directory_.string() + "/tool kit\" -v', '\"')"), "1");
}

TEST_F(PathsTest, WrongNumbersOfArguments) {
  EXPECT_EQ(value("find_file_path_in_cmd()"), "error: Invalid inputs to find_binary_path_from_cmd");
  EXPECT_TRUE(run("is_path_deterministic('/a', '', '', '')").failed);
  EXPECT_TRUE(run("is_path_deterministic('/a', null)").failed);
}

}  // namespace
}  // namespace osprey::sql
