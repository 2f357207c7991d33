#include "agent/flags/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace osprey::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class CommandLineTest : public testing::Test {
 protected:
  CommandLine read(std::vector<const char*> arguments) {
    const CommandLineSources sources = {
        .read_file = [this](const std::string& path) -> Result<std::string> {
          const auto found = files.find(path);
          if (found == files.end()) return system_failure(ENOENT, path);
          return found->second;
        },
        .environment = [this](const std::string& name) -> std::optional<std::string> {
          const auto found = environment.find(name);
          return found == environment.end() ? std::nullopt : std::optional(found->second);
        },
    };
    return read_command_line(arguments, "osqueryi", sources, flags);
  }
  // What is wrong, as it would be printed.
  std::vector<std::string> faults(std::vector<const char*> arguments) {
    std::vector<std::string> messages;
    for (const auto& fault : read(std::move(arguments)).faults) messages.push_back(fault.message);
    return messages;
  }

  std::map<std::string, std::string> files;
  std::map<std::string, std::string> environment;
  Flags flags;
};

TEST_F(CommandLineTest, FlagsAndPositionalsInAnyOrder) {
  const auto line = read({"--json", "select 1", "-separator=;", "--nullvalue", "NIL", "-", "--profile=-3"});
  EXPECT_THAT(line.positional, ElementsAre("select 1", "-"));
  EXPECT_THAT(line.faults, IsEmpty());
  EXPECT_TRUE(flags.boolean("json"));
  EXPECT_EQ(flags.text("separator"), ";");
  EXPECT_EQ(flags.text("nullvalue"), "NIL");
  EXPECT_EQ(flags.number("profile"), -3);
}

TEST_F(CommandLineTest, TwoDashesEndTheFlags) {
  const auto line = read({"--json", "--", "--csv", "-x"});
  EXPECT_THAT(line.positional, ElementsAre("--csv", "-x"));
  EXPECT_FALSE(flags.boolean("csv"));
}

TEST_F(CommandLineTest, NoAndDashesAndAliases) {
  read({"--noheader", "--json-pretty", "--db_path=/x", "--nodisable-events", "--logger_tls_max=5"});
  EXPECT_FALSE(flags.boolean("header"));
  EXPECT_TRUE(flags.boolean("json_pretty"));
  EXPECT_EQ(flags.text("database_path"), "/x");
  EXPECT_EQ(flags.number("logger_tls_max_linesize"), 5);
}

TEST_F(CommandLineTest, ABooleanTakesNoWordAfterIt) {
  const auto line = read({"--json", "false"});
  EXPECT_TRUE(flags.boolean("json"));
  EXPECT_THAT(line.positional, ElementsAre("false"));
}

TEST_F(CommandLineTest, ATextTakesWhateverFollows) {
  read({"--separator", "--json"});
  EXPECT_EQ(flags.text("separator"), "--json");
  EXPECT_FALSE(flags.boolean("json"));
}

TEST_F(CommandLineTest, FaultsAsRecorded) {
  EXPECT_THAT(faults({"--no_such_flag=1"}), ElementsAre("unknown command line flag 'no_such_flag'"));
  EXPECT_THAT(faults({"-- c"}), ElementsAre("unknown command line flag ' c'"));
  EXPECT_THAT(faults({"--json=maybe"}), ElementsAre("illegal value 'maybe' specified for bool flag 'json'"));
  EXPECT_THAT(faults({"--profile=abc"}), ElementsAre("illegal value 'abc' specified for int32 flag 'profile'"));
  EXPECT_THAT(faults({"--logger_mode=abc"}),
              ElementsAre("Failed to convert logger_mode string to octal",
                          "failed validation of new value 'abc' for flag 'logger_mode'"));
  EXPECT_THAT(faults({"--nullvalue"}), ElementsAre("flag '--nullvalue' is missing its argument"));
  EXPECT_THAT(faults({"--noquery"}), ElementsAre("boolean value (noquery) specified for string command line flag"));
}

TEST_F(CommandLineTest, AllFaultsAreToldSortedByFlag) {
  EXPECT_THAT(faults({"--zzz", "--aaa", "--zzz"}),
              ElementsAre("unknown command line flag 'aaa'", "unknown command line flag 'zzz'"));
}

TEST_F(CommandLineTest, TheNearestFlagIsSuggested) {
  EXPECT_EQ(read({"--jsonpretty"}).faults.at(0).hint, "did you mean --json_pretty?");
  EXPECT_EQ(read({"--entirely_else"}).faults.at(0).hint, "");
}

TEST_F(CommandLineTest, UndefokForgives) {
  EXPECT_THAT(faults({"--undefok=aaa,bbb", "--aaa=1", "--nobbb"}), IsEmpty());
  EXPECT_THAT(faults({"--undefok=aaa", "--ccc"}), ElementsAre("unknown command line flag 'ccc'"));
}

TEST_F(CommandLineTest, FromTheEnvironment) {
  environment["FLAGS_nullvalue"] = "FE";
  EXPECT_THAT(faults({"--fromenv=nullvalue", "--tryfromenv=separator"}), IsEmpty());
  EXPECT_EQ(flags.text("nullvalue"), "FE");
  EXPECT_THAT(faults({"--fromenv=separator"}), ElementsAre("FLAGS_separator not found in environment"));
}

TEST_F(CommandLineTest, FlagFileRules) {
  files["/ff"] =
      "# comment\n\n  --nullvalue=FF\n-json\n--noheader\n--unknown_thing=1\n--separator x\n--query=\"quoted\"\n";
  EXPECT_THAT(faults({"--flagfile=/ff"}), IsEmpty());
  EXPECT_EQ(flags.text("nullvalue"), "FF");
  EXPECT_TRUE(flags.boolean("json"));
  EXPECT_FALSE(flags.boolean("header"));
  EXPECT_EQ(flags.text("separator"), "|") << "a blank is no =";
  EXPECT_EQ(flags.text("query"), "\"quoted\"") << "quotes are part of the value";
}

TEST_F(CommandLineTest, FlagFileLinesForOtherPrograms) {
  files["/ff"] = "osqueryd other\n--json\nosquery*\n--csv\n";
  read({"--flagfile=/ff"});
  EXPECT_FALSE(flags.boolean("json"));
  EXPECT_TRUE(flags.boolean("csv"));
}

TEST_F(CommandLineTest, OrderDecides) {
  files["/ff"] = "--nullvalue=file\n";
  read({"--nullvalue=before", "--flagfile=/ff"});
  EXPECT_EQ(flags.text("nullvalue"), "file");
  read({"--flagfile=/ff", "--nullvalue=after"});
  EXPECT_EQ(flags.text("nullvalue"), "after");
}

TEST_F(CommandLineTest, AMissingFlagFile) {
  const auto line = read({"--flagfile=/none"});
  ASSERT_EQ(line.faults.size(), 1u);
  EXPECT_EQ(line.faults[0].flag, "");
  EXPECT_EQ(line.faults[0].message, "/none: No such file or directory");
}

TEST_F(CommandLineTest, AFlagFileThatNamesItselfEnds) {
  files["/ff"] = "--flagfile=/ff\n--json\n";
  EXPECT_THAT(faults({"--flagfile=/ff"}), IsEmpty());
  EXPECT_TRUE(flags.boolean("json"));
}

}  // namespace
}  // namespace osprey::agent
