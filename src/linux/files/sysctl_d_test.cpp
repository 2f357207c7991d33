#include "linux/files/sysctl_d.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace osprey::linux {
namespace {

namespace fs = std::filesystem;

TEST(SysctlD, NamesValuesAndComments) {
  const auto settings = parse_sysctl_d(
      "# a\n; b\n\nkernel.sysrq = 1 \n-net.ipv4.ping_group_range=0 2147483647\nnet/ipv4/conf/eth0.100/forwarding=1\n"
      "net.ipv4.conf.eth0/100.rp_filter=2\n-net.ipv4.conf.lo.rp_filter\nno value\n=3\n-\nkernel.core_pattern=|/bin/a "
      "b=c\n");
  ASSERT_EQ(settings.size(), 6u);
  EXPECT_EQ(settings[0].path, "kernel/sysrq");
  EXPECT_EQ(settings[0].value, "1");
  EXPECT_EQ(settings[1].path, "net/ipv4/ping_group_range");
  EXPECT_EQ(settings[1].value, "0 2147483647");
  EXPECT_EQ(settings[2].path, "net/ipv4/conf/eth0.100/forwarding");
  EXPECT_EQ(settings[3].path, "net/ipv4/conf/eth0.100/rp_filter");
  EXPECT_EQ(settings[4].path, "net/ipv4/conf/lo/rp_filter");
  EXPECT_EQ(settings[4].value, std::nullopt);
  EXPECT_EQ(settings[5].value, "|/bin/a b=c");
}

TEST(SysctlD, NamesBeatGlobsAndTheLastOfEachWins) {
  SysctlConfiguration configuration;
  configuration.add(
      parse_sysctl_d("net.ipv4.conf.all.rp_filter=0\nnet.ipv4.conf.*.rp_filter=1\nnet.ipv4.conf.eth*.rp_filter=2\n"
                     "-net.ipv4.conf.lo.rp_filter\nkernel.sysrq=1\nkernel.sysrq=0\n[garbage=\n"));
  EXPECT_EQ(configuration.value("net/ipv4/conf/all/rp_filter"), "0");
  EXPECT_EQ(configuration.value("net/ipv4/conf/wlan0/rp_filter"), "1");
  EXPECT_EQ(configuration.value("net/ipv4/conf/eth0/rp_filter"), "2");
  EXPECT_EQ(configuration.value("net/ipv4/conf/lo/rp_filter"), std::nullopt);
  EXPECT_EQ(configuration.value("net/ipv4/conf/a/b/rp_filter"), std::nullopt);
  EXPECT_EQ(configuration.value("kernel/sysrq"), "0");
}

TEST(SysctlD, TheSixPlaces) {
  const auto directory = fs::temp_directory_path() / ("osprey-sysctl-d-" + std::to_string(::getpid()));
  const auto write = [&](const std::string& path, std::string_view text) {
    fs::create_directories((directory / path).parent_path());
    std::ofstream(directory / path) << text;
  };
  write("usr/lib/sysctl.d/50-default.conf", "a.a=vendor\na.b=vendor\n");
  write("usr/lib/sysctl.d/10-same.conf", "a.c=vendor\n");
  write("etc/sysctl.d/10-same.conf", "a.c=administrator\n");
  write("run/sysctl.d/60-run.conf", "a.b=run\n");
  write("usr/local/lib/sysctl.d/70-local.conf", "a.d=local\n");
  write("lib/sysctl.d/80-lib.conf", "a.e=lib\n");
  write("usr/lib/sysctl.d/90-masked.conf", "a.f=vendor\n");
  fs::create_symlink("/dev/null", directory / "etc/sysctl.d/90-masked.conf");
  write("etc/sysctl.d/README", "a.g=1\n");
  write("etc/sysctl.conf", "a.a=last\n");
  fs::create_directories(directory / "etc/sysctl.d/99-folder.conf");
  const auto files = read_sysctl_files(*Root::at(directory));
  fs::remove_all(directory);
  const auto value = [&](const char* path) { return files.configuration.value(path).value_or("-"); };
  EXPECT_EQ(value("a/a"), "last");
  EXPECT_EQ(value("a/b"), "run");
  EXPECT_EQ(value("a/c"), "administrator");
  EXPECT_EQ(value("a/d"), "local");
  EXPECT_EQ(value("a/e"), "lib");
  EXPECT_EQ(value("a/f"), "-");
  EXPECT_EQ(value("a/g"), "-");
  EXPECT_EQ(files.errors.size(), 1u);
}

}  // namespace
}  // namespace osprey::linux
