#include "linux/devices/msr.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace osprey::linux {
namespace {

namespace fs = std::filesystem;

TEST(Msr, ProcessorsAreThoseOfTheModuleAndNodesAloneDoNotCount) {
  const auto directory = fs::temp_directory_path() / ("osprey-msr-" + std::to_string(::getpid()));
  fs::create_directories(directory / "dev/cpu/0");
  std::ofstream(directory / "dev/cpu/0/msr") << "12345678";
  const auto root = *Root::at(directory);
  EXPECT_TRUE(msr_processors(root).empty());
  for (const auto name : {"msr10", "msr2", "msrx", "other"}) fs::create_directories(directory / "sys/class/msr" / name);
  EXPECT_THAT(msr_processors(root), testing::ElementsAre(2, 10));
  // What is not the msr module's device is not opened, whatever its name.
  EXPECT_FALSE(MsrDevice::open(root, 0));
  EXPECT_TRUE(MsrDevice::open(root, 2).error().absent());
  fs::remove_all(directory);
}

TEST(Msr, Fields) {
  EXPECT_FALSE(turbo_disabled(0x850089));  // misc_enable of a desktop processor with turbo on
  EXPECT_TRUE(turbo_disabled(0x4000850089));
  EXPECT_EQ(perf_target(0x1'0000'2600), 0x2600u);
}

}  // namespace
}  // namespace osprey::linux
