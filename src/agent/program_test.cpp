#include "agent/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/log.h"

namespace osprey::agent {
namespace {

using testing::MatchesRegex;

constexpr auto kUuid = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}";

TEST(Program, RandomUuids) {
  EXPECT_THAT(random_uuid(), MatchesRegex(kUuid));
  EXPECT_NE(random_uuid(), random_uuid());
}

TEST(Program, CopiesHaveOneInstanceId) {
  const Program program;
  const auto copy = program;
  EXPECT_THAT(program.instance_id, MatchesRegex(kUuid));
  EXPECT_EQ(copy.instance_id, program.instance_id);
}

TEST(Program, VersionsByName) {
  EXPECT_THAT(Program().title(), MatchesRegex("osprey [0-9.]+"));
  Program program;
  program.osquery_compatible = true;
  EXPECT_THAT(program.title(), MatchesRegex("osquery 5\\..*"));
}

TEST(Log, LinesHaveGlogsForm) {
  EXPECT_THAT(
      log_line(protocol::Severity::warning, "text"),
      MatchesRegex("W[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6} +[0-9]+ program_test\\.cpp:[0-9]+\\] text\n"));
}

}  // namespace
}  // namespace osprey::agent
