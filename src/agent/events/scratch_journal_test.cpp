#include "agent/events/scratch_journal.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "base/temporary_tree.h"
#include "store/fifo_store.h"

namespace osprey::agent {
namespace {

class ScratchJournalTest : public TemporaryTree {};

TEST_F(ScratchJournalTest, GoesWithItsOwner) {
  std::string path;
  {
    auto made = ScratchJournal::make(top);
    ASSERT_TRUE(made) << made.error().text();
    path = made->path();
    const auto folder = std::filesystem::path(path).parent_path();
    EXPECT_EQ(std::filesystem::status(folder).permissions(), std::filesystem::perms::owner_all);
    auto journal = store::open_fifo({path, {{"execs", 4 << 20}}});
    ASSERT_TRUE(journal) << journal.error().text();
  }
  EXPECT_TRUE(std::filesystem::is_empty(top));
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
  const auto held = std::filesystem::path(made->path()).parent_path();
  const auto other = ScratchJournal::make(top);
  ASSERT_TRUE(other);
  EXPECT_TRUE(std::filesystem::exists(held)) << "somebody has it";
}

}  // namespace
}  // namespace osprey::agent
