#include "ctl/files.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/temporary_tree.h"

namespace osprey::ctl {
namespace {

class GrowingFileTest : public TemporaryTree {
 protected:
  std::string path() const { return (top / "file").string(); }
};

TEST_F(GrowingFileTest, IsThereOnceItIsWhole) {
  auto file = GrowingFile::make(path());
  ASSERT_TRUE(file);
  EXPECT_TRUE(file->write("one, "));
  EXPECT_TRUE(file->write("two"));
  EXPECT_FALSE(std::filesystem::exists(path()));
  auto moved = std::move(*file);
  ASSERT_TRUE(moved.finish());
  EXPECT_EQ(*read_file(path()), "one, two");
  EXPECT_EQ(std::filesystem::status(path()).permissions(), std::filesystem::perms(0600));
}

TEST_F(GrowingFileTest, WithoutItsEndNothingIsLeft) {
  {
    ASSERT_TRUE(GrowingFile::make(path())->write("half"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(top));
}

TEST_F(GrowingFileTest, GoesThroughNobodysLink) {
  std::filesystem::create_symlink(top / "elsewhere", path() + ".part");
  EXPECT_FALSE(GrowingFile::make(path()));
  EXPECT_FALSE(GrowingFile::make((top / "none" / "file").string()));
}

}  // namespace
}  // namespace osprey::ctl
