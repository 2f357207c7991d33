#include "agent/daemon/pidfile.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/temporary_tree.h"

namespace osprey::agent {
namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

using PidfileTest = TemporaryTree;

TEST_F(PidfileTest, HoldsThePidAndKeepsOthersOut) {
  const std::string path = top / "pid";
  {
    const auto held = Pidfile::take(path, false);
    ASSERT_TRUE(held);
    EXPECT_EQ(text_of(path), std::to_string(::getpid()));
    struct stat about{};
    ASSERT_EQ(::stat(path.c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777, 0600U);
    const auto second = Pidfile::take(path, false);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().message, "another agent is running, process " + std::to_string(::getpid()));
  }
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
  EXPECT_TRUE(Pidfile::take(path, false));
}

TEST_F(PidfileTest, OneLeftBehindIsTaken) {
  const std::string path = top / "pid";
  std::ofstream(path) << "1";
  EXPECT_TRUE(Pidfile::take(path, false));
}

}  // namespace
}  // namespace osprey::agent
