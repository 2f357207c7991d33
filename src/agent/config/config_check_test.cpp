#include "agent/config/config_check.h"

#include <gmock/gmock.h>

#include "base/temporary_tree.h"
#include "tables/tables.h"

namespace osprey::agent {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class ConfigCheck : public TemporaryTree {
 protected:
  ConfigCheck() { registry.add(tables::entries()); }

  ConfigAnswer check(std::string_view text) {
    write("c.conf", text);
    flags.set("config_path", (top / "c.conf").string());
    return check_config(program, flags, {.registry = &registry});
  }
  // What is wrong with it under our own name, without the folder.
  std::string errors(std::string_view text) {
    auto answer = check(text);
    EXPECT_EQ(answer.status, answer.errors.empty() ? 0 : 1);
    const auto folder = top.string() + "/";
    for (auto at = answer.errors.find(folder); at != std::string::npos; at = answer.errors.find(folder))
      answer.errors.erase(at, folder.size());
    return answer.errors;
  }

  Program program;
  Flags flags;
  sql::Registry registry;
};

TEST_F(ConfigCheck, AGoodOne) {
  const auto answer = check(R"({"schedule": {"a": {"query": "SELECT pid FROM processes"}},
      "packs": {"p": {"queries": {"b": {"query": "SELECT * FROM w"}}, "discovery": ["SELECT 1"]}},
      "views": {"w": "SELECT * FROM v", "v": "SELECT a, path FROM atc"},
      "auto_table_construction": {"atc": {"query": "SELECT a FROM x", "path": "/x", "columns": ["a"]}},
      "decorators": {"always": ["SELECT uuid FROM system_info"]}})");
  EXPECT_EQ(answer.errors, "");
  EXPECT_EQ(answer.status, 0);
  EXPECT_THAT(answer.output, HasSubstr("c.conf: good: 2 queries for this host, 1 pack, 2 views"));
}

// CFG-09
TEST_F(ConfigCheck, WhatDoesNotPrepareIsNamed) {
  EXPECT_EQ(errors(R"({"schedule": {"a": {"query": "SELECT pid FROM proceses"}}})"),
            "warning: c.conf: schedule.a: no such table: proceses; did you mean processes?\n");
  EXPECT_THAT(errors(R"({"packs": {"p": {"queries": {"b": {"query": "selec"}}, "discovery": ["SELECT nope"]}}})"),
              AllOf(HasSubstr("c.conf: packs.p.discovery: no such column: nope"),
                    HasSubstr("c.conf: packs.p.queries.b: near \"selec\"")));
  EXPECT_THAT(errors(R"({"views": {"v": "SELECT * FROM nowhere"}})"), HasSubstr("views.v: "));
  EXPECT_THAT(errors(R"({"decorators": {"load": ["selec"], "interval": {"60": ["SELECT nope"]}}})"),
              AllOf(HasSubstr("c.conf: decorators.load: near"), HasSubstr("decorators.interval.60: no such column")));
  EXPECT_THAT(errors(R"({"auto_table_construction": {"users": {"query": "q", "path": "/x", "columns": ["a"]}}})"),
              HasSubstr("auto_table_construction: users: refused: a table of the program has this name"));
  EXPECT_THAT(errors(R"({"file_paths_query": {"c": ["selec"]}})"), HasSubstr("file_paths_query.c: near"));
}

TEST_F(ConfigCheck, KeysOptionsAndPackFilesAreTold) {
  EXPECT_EQ(errors("{\n\"shedule\": {}}"),
            "warning: c.conf:2: shedule: unknown key, ignored; did you mean schedule?\n");
  EXPECT_EQ(errors(R"({"options": {"verbos": true}})"),
            "warning: c.conf: options.verbos: unknown option, ignored; did you mean verbose?\n");
  EXPECT_THAT(errors(R"({"packs": {"p": "/none"}})"), HasSubstr("packs.p: /none: No such file"));
  EXPECT_THAT(errors("{\n oops}"), StartsWith("error: configuration c.conf: line 2, column 2: "));
}

TEST_F(ConfigCheck, QueriesForOtherHostsNeedNotPrepare) {
  EXPECT_EQ(errors(R"({"schedule": {"a": {"query": "SELECT * FROM registry", "platform": "windows"}}})"), "");
}

TEST_F(ConfigCheck, UnderOsquerysNames) {
  program.osquery_compatible = true;
  auto answer = check(R"({"foo": 1, "schedule": {"a": {"query": "selec"}}})");
  EXPECT_EQ(answer.status, 0);
  EXPECT_EQ(answer.errors, "");
  answer = check("{");
  EXPECT_EQ(answer.status, 1);
  EXPECT_THAT(answer.errors, HasSubstr("\nError reading config: Error parsing the config JSON\n"));
  flags.set("config_plugin", "nope");
  EXPECT_EQ(check("{}").status, 78);
}

TEST_F(ConfigCheck, Dump) {
  check("{\"a\":");
  EXPECT_EQ(dump_config(program, flags).value(), "{\"" + (top / "c.conf").string() + "\": {\"a\":}\n");
  flags.set("config_path", (top / "none").string());
  EXPECT_FALSE(dump_config(program, flags));
}

}  // namespace
}  // namespace osprey::agent
