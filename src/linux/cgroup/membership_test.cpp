#include "linux/cgroup/membership.h"

#include <gmock/gmock.h>
#include <sys/xattr.h>

#include <cerrno>

#include "base/temporary_tree.h"

namespace osprey::linux {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Kind = CgroupDelegation::Kind;

// What a v1 host mounts, with controllers that share a hierarchy and one in an unusual place.
constexpr auto kV1Mounts =
    "24 18 0:21 / /sys/fs/cgroup ro,nosuid shared:8 - tmpfs tmpfs ro,mode=755\n"
    "25 24 0:22 / /sys/fs/cgroup/systemd rw,nosuid shared:9 - cgroup cgroup rw,xattr,name=systemd\n"
    "28 24 0:25 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:11 - cgroup cgroup rw,cpuacct,cpu\n"
    "29 18 0:26 / /cg/mem\\040ory rw,nosuid shared:12 - cgroup none rw,memory\n";

TEST(CgroupMembership, OfV1) {
  const auto all = parse_cgroup_memberships(kV1Mounts,
                                            "7:cpuacct,cpu:/system.slice/a.service\n5:memory:/\n4:pids:/unmounted\n"
                                            "1:name=systemd:/system.slice/a.service\n");
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].version, 1);
  EXPECT_TRUE(all[0].has("cpu") && all[0].has("cpuacct") && !all[0].has("memory"));
  EXPECT_EQ(all[0].directory(), "/sys/fs/cgroup/cpu,cpuacct/system.slice/a.service");
  EXPECT_EQ(all[1].directory(), "/cg/mem ory");
  EXPECT_EQ(all[1].directory("/x"), "/cg/mem ory/x");
  EXPECT_TRUE(all[2].has("name=systemd"));
}

TEST(CgroupMembership, OfV2BesideV1) {
  const auto all = parse_cgroup_memberships(
      std::string(kV1Mounts) + "30 24 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n",
      "5:memory:/user.slice\n0::/user.slice/user-0.slice/session-1.scope\n");
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[1].version, 2);
  EXPECT_THAT(all[1].controllers, IsEmpty());
  EXPECT_EQ(all[1].directory(), "/sys/fs/cgroup/unified/user.slice/user-0.slice/session-1.scope");
}

TEST(CgroupMembership, InContainersOnlyABranchIsMounted) {
  constexpr auto kMounts =
      "40 39 0:25 /docker/ab /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n"
      "41 39 0:26 /docker/ab /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
      "42 39 0:27 /docker/abc /elsewhere ro - cgroup cgroup rw,pids\n";
  const auto all =
      parse_cgroup_memberships(kMounts, "3:cpu:/docker/ab\n2:memory:/docker/ab/child\n1:pids:/docker/ab\n");
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].group, "/");
  EXPECT_EQ(all[0].directory(), "/sys/fs/cgroup/cpu");
  EXPECT_EQ(all[1].directory(), "/sys/fs/cgroup/memory/child");
  // Out of the cgroup namespace's sight.
  EXPECT_THAT(parse_cgroup_memberships("9 8 0:9 / /c rw - cgroup2 c rw\n", "0::/../other\n"), IsEmpty());
}

TEST(CgroupMembership, DamagedText) {
  for (const auto text : {"", "0", "0:", "0::", "::/\n", "1::/\n", "x:cpu:relative\n", "\n\n:::::\n"})
    EXPECT_THAT(parse_cgroup_memberships(kV1Mounts, text), IsEmpty()) << text;
  EXPECT_THAT(parse_cgroup_memberships("garbage\n", "0::/\n"), IsEmpty());
}

TEST(CgroupMembership, Parents) {
  EXPECT_EQ(parent_group("/"), std::nullopt);
  EXPECT_EQ(parent_group("/a"), "/");
  EXPECT_EQ(parent_group("/a/b"), "/a");
}

// A host that systemd runs, in a folder: what it has delegated is marked there as it marks it.
class CgroupDelegationTest : public TemporaryTree {
 protected:
  static constexpr auto kService = "system.slice/osqueryd.service";

  void SetUp() override {
    if (::setxattr(top.c_str(), "user.probe", "1", 1, 0) != 0) GTEST_SKIP() << "no attributes in " << top;
    std::filesystem::create_directories(top / "run/systemd/system");
    std::filesystem::create_directories(top / "cg" / kService / "inner");
  }
  void mark(const std::filesystem::path& group, const char* name = "user.delegate", const char* value = "1") {
    ASSERT_EQ(::setxattr((top / "cg" / group).c_str(), name, value, 1, 0), 0) << std::strerror(errno);
  }
  CgroupDelegation of(std::string group) const { return cgroup_delegation(root(), {{2, {}, "/cg", std::move(group)}}); }
};

TEST_F(CgroupDelegationTest, OfSystemdsUnits) {  // LIM-05
  EXPECT_EQ(of("/system.slice/osqueryd.service").kind, Kind::managed);
  mark(kService, "user.delegate", "0");
  EXPECT_EQ(of("/system.slice/osqueryd.service").kind, Kind::managed);
  mark(kService);
  const auto found = of("/system.slice/osqueryd.service");
  EXPECT_EQ(found.kind, Kind::delegated);
  EXPECT_EQ(found.group, "/system.slice/osqueryd.service");
  // A group that was made below it, as by DelegateSubgroup=.
  EXPECT_EQ(of("/system.slice/osqueryd.service/inner").group, "/system.slice/osqueryd.service");
}

TEST_F(CgroupDelegationTest, ByTheOlderMark) {
  if (::geteuid() != 0) GTEST_SKIP() << "not root";
  mark(kService, "trusted.delegate");
  EXPECT_EQ(of("/system.slice/osqueryd.service").kind, Kind::delegated);
}

TEST_F(CgroupDelegationTest, OutsideOfUnitsNobodyRules) {
  EXPECT_EQ(of("/").kind, Kind::free);
  std::filesystem::remove(top / "run/systemd/system");
  EXPECT_EQ(of("/system.slice/osqueryd.service").kind, Kind::free);
}

TEST_F(CgroupDelegationTest, OnHybridHostsEitherHierarchyHasTheMark) {
  std::filesystem::create_directories(top / "named" / kService);
  const std::string group = "/system.slice/osqueryd.service";
  const std::vector<CgroupMembership> both = {
      {1, {"memory"}, "/mem", "/"}, {1, {"name=systemd"}, "/named", group}, {2, {}, "/cg", group}};
  EXPECT_EQ(cgroup_delegation(root(), both).kind, Kind::managed);
  mark(kService);
  EXPECT_EQ(cgroup_delegation(root(), both).kind, Kind::delegated);
}

}  // namespace
}  // namespace osprey::linux
