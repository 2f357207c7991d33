#include "linux/files/set_id.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/temporary_tree.h"

namespace osprey::linux {
namespace {

using testing::ElementsAre;

class SetId : public TemporaryTree {
 protected:
  void file(const std::string& name, mode_t mode) {
    write(name, "x");
    ASSERT_EQ(::chmod((top / name).c_str(), mode), 0);
  }
  // "path" and S, G or SG of every file found below `from`; errors as "error".
  std::vector<std::string> walk(const std::string& from) {
    SetIdWalk walk(root(), from, nullptr);
    std::vector<std::string> found;
    for (;;) {
      const auto next = walk.next(Interrupt::never());
      if (!next)
        found.push_back("error");
      else if (!*next)
        return found;
      else
        found.push_back((*next)->path + ((*next)->set_user() ? " S" : " ") + ((*next)->set_group() ? "G" : ""));
    }
  }
};

TEST_F(SetId, BitsInATree) {
  file("bin/plain", 0755);
  file("bin/user", 04755);
  file("bin/group", 02755);
  file("bin/both", 06755);
  file("bin/sub/deeper/user", 04711);
  EXPECT_THAT(walk("/bin"), ElementsAre("/bin/both SG", "/bin/group G", "/bin/sub/deeper/user S", "/bin/user S"));
}

TEST_F(SetId, LinksToFilesAreFollowedWithinTheRoot) {
  file("bin/user", 04755);
  std::filesystem::create_symlink("user", top / "bin/a_link");
  std::filesystem::create_symlink("/bin/user", top / "bin/b_absolute");
  std::filesystem::create_symlink("/nowhere", top / "bin/c_dangling");
  std::filesystem::create_symlink("d_loop", top / "bin/d_loop");
  std::filesystem::create_directory_symlink(".", top / "bin/e_folder");
  EXPECT_THAT(walk("/bin"), ElementsAre("/bin/a_link S", "/bin/b_absolute S", "/bin/user S"));
}

TEST_F(SetId, SetGroupOnAFolderIsNone) {
  file("bin/sub/plain", 0755);
  ASSERT_EQ(::chmod((top / "bin/sub").c_str(), 02755), 0);
  ASSERT_EQ(::mkfifo((top / "bin/fifo").c_str(), 0600), 0);
  ASSERT_EQ(::chmod((top / "bin/fifo").c_str(), 04755), 0);
  EXPECT_TRUE(walk("/bin").empty());
}

TEST_F(SetId, TooDeepIsSaidAndTheRestGoesOn) {
  std::string deep = "bin";
  for (int i = 0; i < 70; ++i) deep += "/d";
  file(deep + "/user", 04755);
  file("bin/user", 04755);
  EXPECT_THAT(walk("/bin"), ElementsAre("error", "/bin/user S"));
}

TEST_F(SetId, AbsentIsAnErrorOnceThenTheEnd) { EXPECT_THAT(walk("/sbin"), ElementsAre("error")); }

TEST_F(SetId, Interrupted) {
  file("bin/user", 04755);
  Interrupt stop;
  stop.request();
  SetIdWalk walk(root(), "/bin", nullptr);
  const auto next = walk.next(stop);
  ASSERT_TRUE(next);
  EXPECT_FALSE(*next);
}

}  // namespace
}  // namespace osprey::linux
