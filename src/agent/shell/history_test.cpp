#include "agent/shell/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

namespace osprey::agent::shell {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class HistoryTest : public testing::Test {
 protected:
  ~HistoryTest() override { std::filesystem::remove_all(folder); }
  std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "osprey_history_test";
  std::string path = folder / ".history";
};

TEST_F(HistoryTest, IsKeptForTheNextSession) {
  {
    History history(path, 3);
    EXPECT_THAT(history.lines(), IsEmpty());
    for (const auto* line : {"a", "b", "b", "c", "d"}) history.add(line);
  }
  EXPECT_THAT(History(path, 3).lines(), ElementsAre("b", "c", "d"));
  EXPECT_EQ(std::filesystem::file_size(path), 6u) << "what is too old is dropped from the file as well";
  EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms(0600));
}

TEST_F(HistoryTest, NothingIsKeptWithoutAPlace) {
  History history({}, 3);
  history.add("a");
  EXPECT_THAT(history.lines(), ElementsAre("a"));
}

TEST_F(HistoryTest, AFifoHoldsNobodyUp) {
  std::filesystem::create_directories(folder);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  History history(path, 3);
  history.add("a");
  EXPECT_THAT(history.lines(), ElementsAre("a"));
}

}  // namespace
}  // namespace osprey::agent::shell
