#include "agent/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "agent/log.h"

namespace osprey::agent {
namespace {

using testing::MatchesRegex;

constexpr auto kUuid = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}";

TEST(Program, RandomUuids) {
  EXPECT_THAT(random_uuid(), MatchesRegex(kUuid));
  EXPECT_NE(random_uuid(), random_uuid());
}

TEST(Program, InstanceIdStays) {
  const Program program;
  EXPECT_EQ(program.instance_id(), program.instance_id());
}

TEST(Program, VersionsByName) {
  EXPECT_THAT(Program().title(), MatchesRegex("osprey [0-9.]+"));
  Program program;
  program.osquery_compatible = true;
  EXPECT_THAT(program.title(), MatchesRegex("osquery 5\\..*"));
}

TEST(Program, HostUuid) {
  const auto tree = std::filesystem::path(testing::TempDir()) / "osprey_program_test";
  std::filesystem::create_directories(tree / "etc");
  std::filesystem::create_directories(tree / "sys/class/dmi/id");
  const auto root = Root::at(tree);
  ASSERT_TRUE(root);
  EXPECT_EQ(host_uuid(*root), "");
  std::ofstream(tree / "etc/machine-id") << "0123456789abcdef0123456789abcdef\n";
  EXPECT_EQ(host_uuid(*root), "01234567-89AB-CDEF-0123-456789ABCDEF");
  const auto firmware = tree / "sys/class/dmi/id/product_uuid";
  std::ofstream(firmware) << "00000000-0000-0000-0000-000000000000\n";
  EXPECT_EQ(host_uuid(*root), "01234567-89AB-CDEF-0123-456789ABCDEF") << "zeros are no UUID";
  std::ofstream(firmware) << "4c4c4544-0044-3510-8052-b4c04f4d3132\n";
  EXPECT_EQ(host_uuid(*root), "4C4C4544-0044-3510-8052-B4C04F4D3132");
  std::filesystem::remove_all(tree);
}

TEST(Log, LinesHaveGlogsForm) {
  EXPECT_THAT(
      log_line(Level::warning, "text"),
      MatchesRegex("W[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6} +[0-9]+ program_test\\.cpp:[0-9]+\\] text\n"));
}

}  // namespace
}  // namespace osprey::agent
