#include "linux/procfs/sysctl.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace osprey::linux {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

class Sysctl : public testing::Test {
 protected:
  void SetUp() override {
    write("net/ipv4/conf/eth0.100/forwarding", "1\n");
    write("net/ipv4/ip_forward", "0\n");
    write("net/ipv6/conf/all/stable_secret", "2001:db8::1\n");
    write("net/ipv4/tcp_rmem", " 4096\t131072\t6291456\n");
    write("fs/binfmt_misc/status", "enabled\n");
    write("net/ipv4/route/flush", "x");
    fs::permissions(sys_ / "net/ipv4/route/flush", fs::perms::owner_write);
    fs::create_symlink("../ipv4", sys_ / "net/link");
  }
  void TearDown() override { fs::remove_all(directory_); }
  void write(const std::string& path, std::string_view text) {
    fs::create_directories((sys_ / path).parent_path());
    std::ofstream(sys_ / path, std::ios::binary) << text;
  }

  fs::path directory_ = fs::temp_directory_path() / ("osprey-sysctl-" + std::to_string(::getpid()));
  fs::path sys_ = directory_ / "proc/sys";
  SysctlFilter all_{[](auto) { return true; }, [](auto) { return true; }};
};

TEST_F(Sysctl, WalkStaysOnItsFilesystemAndFollowsNoLink) {
  EXPECT_THAT(list_sysctls(*Root::at(directory_), all_, Interrupt::never()),
              ElementsAre("net/ipv4/conf/eth0.100/forwarding", "net/ipv4/ip_forward", "net/ipv4/route/flush",
                          "net/ipv4/tcp_rmem", "net/ipv6/conf/all/stable_secret"));
}

TEST_F(Sysctl, FilterPrunes) {
  std::vector<std::string> entered;
  SysctlFilter filter;
  filter.may_hold = [&](std::string_view directory) {
    entered.emplace_back(directory);
    return directory == "net" || directory == "net.ipv4";
  };
  filter.wanted = [](std::string_view name) { return name == "net.ipv4.ip_forward"; };
  EXPECT_THAT(list_sysctls(*Root::at(directory_), filter, Interrupt::never()), ElementsAre("net/ipv4/ip_forward"));
  EXPECT_THAT(entered, ElementsAre("fs", "net", "net.ipv4", "net.ipv4.conf", "net.ipv4.route", "net.ipv6"));
}

TEST_F(Sysctl, Values) {
  const auto root = *Root::at(directory_);
  EXPECT_EQ(read_sysctl(root, "net/ipv4/tcp_rmem").value(), "4096\t131072\t6291456");
  EXPECT_EQ(read_sysctl(root, "net/ipv6/conf/all/stable_secret").value(), "(redacted)");
  EXPECT_TRUE(read_sysctl(root, "net/ipv4/route/flush").error().absent());
  EXPECT_TRUE(read_sysctl(root, "gone").error().absent());
}

TEST_F(Sysctl, AnInterruptEndsTheWalk) {
  Interrupt interrupt;
  interrupt.request();
  EXPECT_TRUE(list_sysctls(*Root::at(directory_), all_, interrupt).empty());
}

}  // namespace
}  // namespace osprey::linux
