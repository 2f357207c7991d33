#include "agent/shell/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/tables/tables.h"

namespace osprey::agent::shell {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

class CompletionTest : public testing::Test {
 protected:
  CompletionTest() { registry.add(tables::entries()); }

  // The candidates where "|" stands in `line`.
  std::vector<std::string> at(std::string line, std::string_view pending = {}) {
    const auto cursor = line.find('|');
    line.erase(cursor, 1);
    return completer.complete(pending, line, cursor).candidates;
  }

  sql::Registry registry;
  Completer completer{registry, {"lower", "length"}};
};

TEST_F(CompletionTest, TablesAfterFrom) {
  EXPECT_THAT(at("select * from osquery_i|"), ElementsAre("osquery_info"));
  EXPECT_THAT(at("select * from osquery_info join osquery_f|"), ElementsAre("osquery_flags"));
  EXPECT_THAT(at("select * from osquery_info, osquery_f|"), ElementsAre("osquery_flags"));
  EXPECT_THAT(at("osquery_f|", "select *\nfrom"), ElementsAre("osquery_flags"));
}

TEST_F(CompletionTest, ColumnsOfTheStatementsTables) {
  EXPECT_THAT(at("select platform_m| from osquery_info"), ElementsAre("platform_mask"));
  EXPECT_THAT(at("select * from osquery_info where build_|"), ElementsAre("build_distro", "build_platform"));
  EXPECT_THAT(at("select | from osquery_extensions"),
              ElementsAre("name", "path", "sdk_version", "type", "uuid", "version"));
}

TEST_F(CompletionTest, ColumnsOfAQualifier) {
  EXPECT_THAT(at("select i.ver| from osquery_info i, osquery_extensions e"), ElementsAre("version"));
  EXPECT_THAT(at("select e.sdk| from osquery_info i join osquery_extensions as e"), ElementsAre("sdk_version"));
  EXPECT_THAT(at("select e.pid| from osquery_info i join osquery_extensions as e"), IsEmpty());
}

TEST_F(CompletionTest, KeywordsInTheCaseBegun) {
  EXPECT_THAT(at("sel|"), ElementsAre("select"));
  EXPECT_THAT(at("SEL|"), ElementsAre("SELECT"));
}

TEST_F(CompletionTest, Functions) { EXPECT_THAT(at("select len|"), ElementsAre("length(")); }

TEST_F(CompletionTest, DotCommandsAndTheirArguments) {
  EXPECT_THAT(at(".sch|"), ElementsAre("schema"));
  EXPECT_THAT(at(".mode js|"), ElementsAre("json", "json_pretty"));
  EXPECT_THAT(at(".timer o|"), ElementsAre("off", "on"));
  EXPECT_THAT(at(".schema osquery_i|"), ElementsAre("osquery_info"));
}

TEST_F(CompletionTest, InTheMiddleOfALine) {
  const std::string line = "select pi from osquery_info";
  const auto found = completer.complete({}, line, 9);
  EXPECT_EQ(found.replaces, 2u);
  EXPECT_THAT(found.candidates, Contains("pid"));
  EXPECT_THAT(found.candidates, Not(Contains("platform_mask")));
}

}  // namespace
}  // namespace osprey::agent::shell
