#include "linux/sysfs/cpu_topology.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace osprey::linux {
namespace {

TEST(CpuTopology, FromSysfsOldNamesAndNew) {
  const auto directory = std::filesystem::temp_directory_path() / ("osprey-topology-" + std::to_string(::getpid()));
  const auto write = [&](const std::string& path, std::string_view text) {
    const auto file = directory / "sys/devices/system/cpu" / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  };
  write("cpu0/topology/core_cpus_list", "0,2\n");
  write("cpu0/topology/package_cpus_list", "0-2\n");
  write("cpu1/topology/thread_siblings_list", "1\n");
  write("cpu1/topology/core_siblings_list", "0-2\n");
  write("cpu2/topology/core_cpus_list", "0,2\n");
  write("cpu2/topology/package_cpus_list", "0-2\n");
  write("cpu3/online", "0\n");
  write("cpuidle/current_driver", "none\n");
  const auto topology = read_cpu_topology(*Root::at(directory));
  std::filesystem::remove_all(directory);
  ASSERT_TRUE(topology);
  EXPECT_EQ(topology->logical, 3);
  EXPECT_EQ(topology->cores, 2);
  EXPECT_EQ(topology->packages, 1);
}

TEST(CpuTopology, FromCpuinfo) {
  std::vector<Processor> processors(4);
  for (int i = 0; i < 4; ++i) {
    processors[i].package = i / 2;
    processors[i].core = 0;
  }
  const auto topology = topology_of(processors);
  EXPECT_EQ(topology.logical, 4);
  EXPECT_EQ(topology.cores, 2);
  EXPECT_EQ(topology.packages, 2);
  const auto silent = topology_of(std::vector<Processor>(3));
  EXPECT_EQ(silent.cores, 3);
  EXPECT_EQ(silent.packages, 1);
}

}  // namespace
}  // namespace osprey::linux
