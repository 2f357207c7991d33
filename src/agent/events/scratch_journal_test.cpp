#include "agent/events/scratch_journal.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/temporary_tree.h"

namespace osprey::agent {
namespace {

class ScratchJournalTest : public TemporaryTree {};

TEST_F(ScratchJournalTest, GoesWithItsOwner) {
  std::string path;
  {
    auto made = ScratchJournal::make(top);
    ASSERT_TRUE(made) << made.error().text();
    path = made->path();
    std::ofstream(path + "/file") << "x";
    EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms::owner_all);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(ScratchJournalTest, WhatTheKilledLeftIsRemoved) {
  const auto child = ::fork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  const auto left = top / ("osprey-events-" + std::to_string(child) + "-abcdef");
  const auto others = top / ("osprey-events-" + std::to_string(::getppid()) + "-abcdef");
  for (const auto& path : {left, others, top / "osprey-events-", top / "else"}) std::filesystem::create_directory(path);
  const auto made = ScratchJournal::make(top);
  ASSERT_TRUE(made);
  EXPECT_FALSE(std::filesystem::exists(left));
  EXPECT_TRUE(std::filesystem::exists(others));
  EXPECT_TRUE(std::filesystem::exists(top / "osprey-events-"));
  EXPECT_TRUE(std::filesystem::exists(top / "else"));
}

}  // namespace
}  // namespace osprey::agent
