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
  if (child == 0) ::_exit(ScratchJournal::make(top) ? 0 : 1);  // without destructors
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_EQ(status, 0);
  ASSERT_FALSE(std::filesystem::is_empty(top));
  const auto left = std::filesystem::directory_iterator(top)->path();
  std::filesystem::create_directory(top / "else");
  const auto made = ScratchJournal::make(top);
  ASSERT_TRUE(made);
  EXPECT_FALSE(std::filesystem::exists(left));
  EXPECT_TRUE(std::filesystem::exists(top / "else"));
  const auto other = ScratchJournal::make(top);
  ASSERT_TRUE(other);
  EXPECT_TRUE(std::filesystem::exists(made->path())) << "somebody has it";
}

}  // namespace
}  // namespace osprey::agent
