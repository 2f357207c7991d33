#include "linux/files/extended_attributes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/xattr.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace osprey::linux {
namespace {

TEST(ExtendedAttributes, NamesAndValues) {
  std::string name = std::filesystem::temp_directory_path() / "attributes_XXXXXX";
  const std::filesystem::path top = ::mkdtemp(name.data());
  std::ofstream(top / "file") << "x";
  std::filesystem::create_symlink("file", top / "link");
  const auto root = *Root::at(top);
  const std::string value("a\0b", 3);
  if (::setxattr((top / "file").c_str(), "user.b", value.data(), value.size(), 0) != 0) GTEST_SKIP() << "no attributes";
  ::setxattr((top / "file").c_str(), "user.a", "", 0, 0);
  EXPECT_THAT(*list_attributes(root, "/file"), testing::IsSupersetOf({"user.a", "user.b"}));
  EXPECT_EQ(*read_attribute(root, "/file", "user.b"), value);
  EXPECT_EQ(*read_attribute(root, "/link", "user.a"), "");
  EXPECT_TRUE(read_attribute(root, "/file", "user.none").error().absent());
  EXPECT_TRUE(list_attributes(root, "/absent").error().absent());
  EXPECT_TRUE(list_attributes(Root::host(), "/proc/self/status")->empty());
  std::filesystem::remove_all(top);
}

}  // namespace
}  // namespace osprey::linux
