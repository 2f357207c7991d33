#include "linux/cgroup/hierarchy.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/root.h"

namespace osprey::linux {
namespace {

MountTable mounts_here() { return parse_mountinfo(Root::host().read("/proc/self/mountinfo")->bytes); }

// A group of its own at the top of a mounted hierarchy.
struct Group {
  explicit Group(const Mount& mount) : name(fmt::format("/osprey-test-{}", ::getpid())), folder(mount.point + name) {
    made = ::mkdir(folder.c_str(), 0755) == 0;
  }
  ~Group() { ::rmdir(folder.c_str()); }

  std::string name, folder;
  bool made = false;
};

TEST(CgroupHierarchy, NamesAndNumbersOfGroups) {
  const auto mounts = mounts_here();
  int tried = 0;
  for (const auto& mount : mounts.mounts) {
    const bool unified = mount.type == "cgroup2" && mount.root == "/";
    if (!unified && (mount.type != "cgroup" || !mount.super_options.ends_with("memory"))) continue;
    const auto tree = unified ? CgroupHierarchy::unified(mounts) : CgroupHierarchy::of(mounts, "memory");
    ASSERT_TRUE(tree) << mount.point;
    const Group group(mount);
    ASSERT_TRUE(group.made) << group.folder;
    const auto number = tree->number(group.name);
    ASSERT_TRUE(number);
    EXPECT_EQ(tree->group(*number), group.name);
    EXPECT_EQ(tree->number("/"), 1u);
    EXPECT_EQ(tree->group(1), "/");
    EXPECT_EQ(tree->number("/none-of-this-name"), std::nullopt);
    EXPECT_EQ(tree->group(*number + 1'000'000'000), std::nullopt);
    ++tried;
  }
  EXPECT_GT(tried, 0);
}

TEST(CgroupHierarchy, OnlyWholeOnes) {
  const auto table = [](std::string_view lines) { return parse_mountinfo(lines); };
  EXPECT_FALSE(CgroupHierarchy::unified(table("30 24 0:25 /a /tmp rw - cgroup2 none rw\n")));
  EXPECT_FALSE(CgroupHierarchy::of(table("30 24 0:25 / /tmp rw - cgroup none rw,cpu\n"), "memory"));
  EXPECT_TRUE(CgroupHierarchy::of(table("30 24 0:25 / /tmp rw - cgroup none rw,memory\n"), "memory"));
}

}  // namespace
}  // namespace osprey::linux
