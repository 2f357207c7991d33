#include "agent/flags/help.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace osprey::agent {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Help, TeachesByExamplesAndGroups) {
  const auto text = help_text("osprey", false, false);
  EXPECT_THAT(text, HasSubstr("Usage: osprey"));
  EXPECT_THAT(text, HasSubstr("SELECT name, pid FROM processes"));
  EXPECT_THAT(text, HasSubstr("\nHow rows are printed\n"));
  EXPECT_THAT(text, HasSubstr("--[no]header"));
  EXPECT_THAT(text, Not(HasSubstr("aws_")));
}

TEST(Help, OsquerysHasNoFlagsOfOurs) {
  const auto text = help_text("osqueryi", false, true);
  EXPECT_THAT(text, HasSubstr("    --flagfile VALUE"));
  EXPECT_THAT(text, Not(HasSubstr("--query_max_rows")));
}

TEST(Help, TheAgentsHasNoFlagsOfTheShell) {
  for (const bool compatible : {false, true}) {
    const auto text = help_text("ospreyd", true, compatible);
    EXPECT_THAT(text, HasSubstr("--config_path"));
    EXPECT_THAT(text, Not(HasSubstr("--json")));
  }
}

TEST(Help, CompletionScripts) {
  for (const auto* shell : {"bash", "zsh", "fish"})
    EXPECT_THAT(completion_script(shell, "osprey").value(), HasSubstr("json_pretty")) << shell;
  EXPECT_FALSE(completion_script("csh", "osprey"));
}

}  // namespace
}  // namespace osprey::agent
