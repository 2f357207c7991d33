#include "linux/files/folder.h"

#include <gmock/gmock.h>

#include "base/temporary_tree.h"

namespace osprey::linux {
namespace {

using Folder = TemporaryTree;

TEST_F(Folder, FilesButNoFolders) {
  write("d/b", "");
  write("d/.a", "");
  write("d/sub/c", "");
  std::filesystem::create_symlink("b", top / "d/to_file");
  std::filesystem::create_directory_symlink("sub", top / "d/to_folder");
  std::filesystem::create_symlink("to_self", top / "d/to_self");
  const auto names = file_names(root(), "/d");
  ASSERT_TRUE(names);
  EXPECT_THAT(*names, testing::ElementsAre(".a", "b", "to_file", "to_self"));
}

TEST_F(Folder, Absent) { EXPECT_TRUE(file_names(root(), "/d").error().absent()); }

}  // namespace
}  // namespace osprey::linux
