#include "protocol/configuration.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "protocol/config_json.h"

namespace osprey::protocol {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

// Pack files of a map.
class Files final : public PackFiles {
 public:
  std::map<std::string, std::string> now;
  std::map<std::string, std::string> before;

  Result<std::string> read(const std::string& path) const override {
    const auto found = now.find(path);
    if (found == now.end()) return system_failure(ENOENT, path);
    return found->second;
  }
  // The part before the asterisk counts.
  std::vector<std::string> match(const std::string& pattern) const override {
    std::vector<std::string> paths;
    for (const auto& [path, text] : now)
      if (path.starts_with(pattern.substr(0, pattern.find('*')))) paths.push_back(path);
    return paths;
  }
  std::optional<std::string> last_good(const std::string& path) const override {
    const auto found = before.find(path);
    return found == before.end() ? std::nullopt : std::optional(found->second);
  }
};

Result<Document> read(std::string_view text, ConfigForm form = ConfigForm::lenient, const Files& files = {}) {
  return parse_document("/c.conf", text, form, files);
}

std::vector<std::string> names(const std::vector<Query>& queries) {
  std::vector<std::string> found;
  for (const auto& query : queries) found.push_back(query.name);
  return found;
}

std::vector<std::string> notes(const Document& document) {
  std::vector<std::string> found;
  for (const auto& note : document.notes) found.push_back(note.where + ": " + note.text);
  return found;
}

// What osquery says of it.
std::vector<std::string> osquery_says(std::string_view text) {
  std::vector<std::string> found;
  const auto document = read(text, ConfigForm::strict);
  for (const auto& note : document->notes)
    if (!note.osquery.empty()) found.push_back(note.osquery);
  return found;
}

Query only_query(std::string_view body) {
  const auto document = read(fmt::format(R"({{"schedule": {{"q": {}}}}})", body));
  EXPECT_TRUE(document && document->schedule && document->schedule->queries.size() == 1) << body;
  return document->schedule->queries.at(0);
}

// CFG-01, CFG-07 to CFG-12: one document holds everything; every key of a query.
TEST(Document, EveryKeyOfAQuery) {
  const auto query = only_query(R"({"query": "SELECT 1", "interval": 60, "snapshot": true, "removed": false,
      "denylist": false, "platform": "linux", "version": "5.0.0", "shard": 10, "startup_priority": 3,
      "description": "d", "value": "v"})");
  EXPECT_EQ(query, (Query{.name = "q",
                          .sql = "SELECT 1",
                          .interval = 60,
                          .snapshot = true,
                          .removed = false,
                          .denylist = false,
                          .platform = "linux",
                          .version = "5.0.0",
                          .shard = 10,
                          .startup_priority = 3}));
}

TEST(Document, DefaultsOfAQuery) {
  EXPECT_EQ(only_query(R"({"query": "SELECT 1"})"), (Query{.name = "q", .sql = "SELECT 1"}));
  EXPECT_EQ(only_query(R"({"query": "SELECT 1", "startup_priority": 18446744073709551615})").startup_priority,
            std::nullopt)
      << "the largest number is osquery's word for none";
}

TEST(Document, FormsOfNumbersAndBooleans) {
  EXPECT_EQ(only_query(R"({"query": "SELECT 1", "interval": "60"})").interval, 60u);
  EXPECT_EQ(only_query(R"({"query": "SELECT 1", "interval": 60.0})").interval, 60u) << "ours";
  EXPECT_EQ(only_query(R"({"query": "SELECT 1", "shard": "7"})").shard, 7u);
  for (const auto* yes : {"true", "\"true\"", "\"TRUE\"", "\"t\"", "1", "-5"})
    EXPECT_TRUE(only_query(fmt::format(R"({{"query": "SELECT 1", "snapshot": {}}})", yes)).snapshot) << yes;
  for (const auto* no : {"false", "\"false\"", "\"no\"", "0", "null", "[]"})
    EXPECT_FALSE(only_query(fmt::format(R"({{"query": "SELECT 1", "removed": {}}})", no)).removed) << no;
}

TEST(Document, BoundsOfIntervals) {
  for (const auto* good : {"1", "604800", "\"604800\""})
    EXPECT_TRUE(only_query(fmt::format(R"({{"query": "SELECT 1", "interval": {}}})", good)).interval);
  const auto says = [](std::string_view interval) {
    return osquery_says(fmt::format(R"({{"schedule": {{"a": {{"query": "SELECT 1", "interval": {}}}}}}})", interval));
  };
  EXPECT_THAT(says("0"), ElementsAre("Query has invalid interval: a: 0"));
  EXPECT_THAT(says("604801"), ElementsAre("Query has invalid interval: a: 604801"));
  EXPECT_THAT(says("\"abc\""), ElementsAre("Query has invalid interval: a: 0"));
  EXPECT_THAT(says("-5"), ElementsAre("Query has invalid interval: a: 18446744073709551611"));
  EXPECT_THAT(says("5.5"), ElementsAre("Query has invalid interval: a: 4617878467915022336"));
  const auto document = read(R"({"schedule": {"a": {"query": "SELECT 1", "interval": 0}}})");
  EXPECT_THAT(document->schedule->queries, IsEmpty()) << "it is left out, the rest runs";
}

TEST(Document, ReservedNames) {
  EXPECT_THAT(osquery_says(R"({"schedule": {"query.x": {"query": "SELECT 1"}, "xcounter": {"query": "SELECT 1"}}})"),
              ElementsAre("Invalid query name: query.x starts with one of the reserved prefixes: query., cache., "
                          "config_views.",
                          "Invalid query name: xcounter ends with one of the reserved suffixes: epoch, counter"));
}

TEST(Document, StartupPriorityThenNameIsTheOrder) {
  const auto document = read(R"({"schedule": {"c": {"query": "SELECT 1"}, "b": {"query": "SELECT 1"},
      "z": {"query": "SELECT 1", "startup_priority": 2}, "y": {"query": "SELECT 1", "startup_priority": 1}}})");
  EXPECT_THAT(names(document->schedule->queries), ElementsAre("y", "z", "b", "c"));
}

TEST(Document, PacksInlineByPathAndByPattern) {
  Files files;
  files.now = {{"/p/one.conf", "# a comment\n{\"queries\": {\"a\": {\"query\": \"SELECT 1\", \"snapshot\": true}}}"},
               {"/p/two.conf", R"({"queries": {}, "discovery": [], "shard": 5})"}};
  const auto document = read(R"({"packs": {
      "inline": {"queries": {"q": {"query": "SELECT 1"}}, "discovery": ["SELECT 2"], "platform": "linux",
                 "version": "4.0.0", "shard": "50", "oncall": "me"},
      "file": "/p/one.conf", "*": "/p/*.conf"}})",
                             ConfigForm::strict, files);
  ASSERT_TRUE(document);
  ASSERT_EQ(document->packs.size(), 4u);
  const auto& inlined = document->packs[0];
  EXPECT_THAT(std::tie(inlined.name, inlined.source, inlined.platform, inlined.version, inlined.oncall),
              testing::FieldsAre("inline", "/c.conf", "linux", "4.0.0", "me"));
  EXPECT_EQ(inlined.shard, 50u);
  EXPECT_THAT(inlined.discovery, ElementsAre("SELECT 2"));
  EXPECT_EQ(document->packs[1].path, "/p/one.conf");
  EXPECT_EQ(document->packs[2].name, "one");
  EXPECT_TRUE(document->packs[2].queries.at(0).snapshot) << "no value becomes text on the way";
  EXPECT_EQ(document->packs[3].shard, 5u);
  EXPECT_THAT(document->pack_files,
              UnorderedElementsAre(Pair("/p/one.conf", testing::_), Pair("/p/two.conf", testing::_)));
}

TEST(Document, SeveralPacksUnderAStar) {
  const auto document = read(R"({"packs": {"*": {"one": {"queries": {}}, "two": {"queries": {}}}}})");
  ASSERT_EQ(document->packs.size(), 2u);
  EXPECT_EQ(document->packs[1].name, "two");
}

TEST(Document, PackFilesThatCannotBeUsed) {
  Files files;
  files.now = {{"/broken", "{\n\"queries\": oops}"}};
  const auto document = read(R"({"packs": {"p": "/none", "b": "/broken"}})", ConfigForm::lenient, files);
  EXPECT_THAT(document->packs, IsEmpty());
  EXPECT_THAT(notes(*document), ElementsAre(AllOf(HasSubstr("/c.conf:1: packs.p"), HasSubstr("/none: No such file")),
                                            AllOf(HasSubstr("packs.b"), HasSubstr("/broken: line 2, column "))));
  EXPECT_EQ(document->notes[0].osquery, "Error reading the query pack named: p");

  files.before = {{"/broken", R"({"queries": {"a": {"query": "SELECT 1"}}})"}};
  const auto again = read(R"({"packs": {"b": "/broken"}})", ConfigForm::lenient, files);
  ASSERT_EQ(again->packs.size(), 1u) << "what it said before stays";
  EXPECT_THAT(notes(*again), testing::Contains(HasSubstr("stays in force")));
  EXPECT_THAT(again->pack_files, ElementsAre(Pair("/broken", HasSubstr("queries"))));
}

TEST(Document, PacksBringOtherKeys) {
  const auto document = read(R"({"packs": {"p": {"queries": {}, "views": {"v": "SELECT 1"}, "options": {"a": 1},
      "file_paths": {"c": ["/etc/%"]}, "decorators": {"load": ["SELECT 1"]}, "yara": {"signatures": {"g": ["/s"]}}}}})");
  const auto& settings = document->packs.at(0).settings;
  EXPECT_THAT(settings.views, ElementsAre(Pair("v", "SELECT 1")));
  EXPECT_THAT(settings.options, ElementsAre(Option{"a", "1"}));
  EXPECT_THAT(settings.files.paths, ElementsAre(Pair("c", ElementsAre("/etc/%"))));
  EXPECT_THAT(settings.decorators.load, ElementsAre("SELECT 1"));
  EXPECT_EQ(settings.yara, R"({"signatures":{"g":["/s"]}})");
  EXPECT_THAT(document->notes, IsEmpty());
}

TEST(Document, OptionsInTheirOrder) {
  const auto document = read(R"({"options": {"z": true, "b": 5, "c": 5.7, "d": "", "e": {"b": [1, 1.5, 2.0, null]},
                                             "f": null, "a": "x", "g": -1}})");
  EXPECT_THAT(document->options, ElementsAre(Option{"z", "true"}, Option{"b", "5"}, Option{"c", "5"},
                                             Option{"e", R"({"b":[1,1.5,2.0,null]})"}, Option{"f", std::nullopt},
                                             Option{"a", "x"}, Option{"g", "-1"}));
}

TEST(Document, Decorators) {
  const auto document = read(R"({"decorators": {"load": ["a", "b"], "always": ["c"],
      "interval": {"60": ["d"], "3600": ["e"], "45": ["f"], "0": ["g"], "abc": ["h"]}}})");
  const auto& decorators = document->decorators;
  EXPECT_THAT(decorators.load, ElementsAre("a", "b"));
  EXPECT_THAT(decorators.interval, ElementsAre(Pair(60, ElementsAre("d")), Pair(3600, ElementsAre("e"))));
  EXPECT_EQ(document->notes.size(), 3u);
  EXPECT_EQ(document->notes[0].osquery, "Invalid decorator interval rate 45 in config source: /c.conf");
  EXPECT_EQ(document->notes[1].osquery, "") << "osquery takes 0 and divides by it later";
}

TEST(Document, FileMonitoring) {
  const auto document = read(R"({"file_paths": {"etc": ["/etc/%%"]}, "file_paths_query": {"q": ["SELECT 1"]},
                                 "file_accesses": ["etc"], "exclude_paths": {"etc": ["/etc/x"]}})");
  EXPECT_THAT(document->files.paths, ElementsAre(Pair("etc", ElementsAre("/etc/%%"))));
  EXPECT_THAT(document->files.path_queries, ElementsAre(Pair("q", ElementsAre("SELECT 1"))));
  EXPECT_THAT(document->files.accesses, ElementsAre("etc"));
  EXPECT_THAT(document->files.exclude_paths, ElementsAre(Pair("etc", ElementsAre("/etc/x"))));
  const auto alone = read(R"({"file_accesses": ["etc"], "exclude_paths": {"etc": ["/etc/x"]}})");
  EXPECT_THAT(alone->files, FileMonitoring());
  EXPECT_EQ(alone->notes.size(), 2u);
}

TEST(Document, TheOtherKeys) {
  const auto document = read(R"({
      "events": {"enable_subscribers": ["a"], "disable_subscribers": ["b"]},
      "auto_table_construction": {"t": {"query": "SELECT a FROM t", "path": "/%/x.db", "columns": ["a"],
                                        "platform": "linux"}, "none": {"query": "SELECT 1", "path": "/x"}},
      "views": {"v": "SELECT 1", "no": 5},
      "prometheus_targets": {"urls": ["http://localhost/m"], "timeout": 5},
      "kafka_topics": {"t": ["q"]}, "feature_vectors": {"character_frequencies": [0.1]}, "logger": {"any": "thing"}})");
  ASSERT_TRUE(document);
  EXPECT_THAT(document->enabled_subscribers, ElementsAre("a"));
  EXPECT_THAT(document->disabled_subscribers, ElementsAre("b"));
  EXPECT_THAT(document->auto_tables, ElementsAre(AutoTable{"t", "SELECT a FROM t", "/%/x.db", {"a"}, "linux"}));
  EXPECT_THAT(document->views, ElementsAre(Pair("v", "SELECT 1")));
  EXPECT_EQ(document->prometheus, (PrometheusTargets{{"http://localhost/m"}, 5}));
  EXPECT_THAT(document->kafka_topics, ElementsAre(Pair("t", ElementsAre("q"))));
  EXPECT_EQ(document->feature_vectors, R"({"character_frequencies":[0.1]})");
  EXPECT_THAT(notes(*document), UnorderedElementsAre(EndsWith("none: has no \"columns\"; this table is left out"),
                                                     EndsWith("views.no: is not SQL; ignored")));
}

// CFG-14
TEST(Document, EventFilters) {
  const auto document = read(
      "{\"event_filters\": [\"-a never,exit -F uid=0\",\n"
      "{\"id\": \"b\", \"rule\": \"-a never,exit\", \"tables\": [\"dns_events\"]},\n"
      "{\"id\": \"c\", \"rules\": \"x\"}, 5]}");
  ASSERT_TRUE(document);
  EXPECT_THAT(document->event_filters, ElementsAre(EventFilter{"/c.conf:1", "-a never,exit -F uid=0", {}},
                                                   EventFilter{"b", "-a never,exit", {"dns_events"}}));
  EXPECT_THAT(notes(*document),
              ElementsAre("/c.conf:3: event_filters.rules: unknown key, ignored; did you mean rule?",
                          "/c.conf:3: event_filters: is neither a rule nor an object that has a \"rule\"; left out",
                          "/c.conf:3: event_filters: is neither a rule nor an object that has a \"rule\"; left out"));
  EXPECT_THAT(notes(*read(R"({"event_filters": {"a": "-a never,exit"}})")),
              ElementsAre("/c.conf:1: event_filters: is not a list of rules; ignored"));
}

// Weakness 12 of compat section 13.
TEST(Document, UnknownKeysAreToldWithTheirLineAndTheNearestRightWord) {
  const auto document = read(
      "{\n \"shedule\": {},\n \"schedule\": {\n  \"a\": {\"query\": \"SELECT 1\",\n"
      "   \"intervall\": 5, \"frobnicate\": 1}}}");
  EXPECT_THAT(notes(*document),
              ElementsAre("/c.conf:2: shedule: unknown key, ignored; did you mean schedule?",
                          "/c.conf:5: schedule.a.intervall: unknown key, ignored; did you mean interval?",
                          "/c.conf:5: schedule.a.frobnicate: unknown key, ignored"));
  for (const auto& note : document->notes) EXPECT_EQ(note.osquery, "") << "osquery is silent";
}

TEST(Document, OfTwoEqualKeysTheFirstCounts) {
  const auto document = read("{\"schedule\": {\"a\": {\"query\": \"SELECT 1\"}},\n\"schedule\": {}}");
  EXPECT_THAT(names(document->schedule->queries), ElementsAre("a"));
  EXPECT_THAT(notes(*document),
              ElementsAre("/c.conf:2: schedule: stands here a second time; the first, on line 1, counts"));
}

TEST(Document, SectionsOfTheWrongKind) {
  EXPECT_THAT(osquery_says(R"({"options": "x"})"), ElementsAre("Error config options should be an array or object"));
  EXPECT_THAT(osquery_says(R"({"file_paths": 5})"),
              ElementsAre("Error config file_paths should be an array or object"));
  for (const auto* silent : {R"({"options": []})", R"({"schedule": []})", R"({"schedule": "x"})", R"({"packs": []})",
                             R"({"packs": {"p": 5}})", R"({"schedule": {"a": "SELECT 1"}})",
                             R"({"schedule": {"a": {"query": 5}}})", R"({"schedule": {"a": {}}})"}) {
    EXPECT_THAT(osquery_says(silent), IsEmpty()) << silent;
    EXPECT_EQ(read(silent)->notes.size(), 1u) << silent << ": we say it";
  }
}

TEST(Document, LinesOfCommentAreOsquerys) {
  EXPECT_TRUE(read("# c\n// d\n{\n  // inner\n \"views\":{}}", ConfigForm::strict));
  EXPECT_TRUE(read("{\"views\": \\\n{}}", ConfigForm::strict)) << "a line that ends in a backslash goes on";
  EXPECT_TRUE(read("# a comment \\\n that goes on\n{}", ConfigForm::strict));
}

TEST(Document, OtherCommentsAndCommasAreOurs) {
  for (const auto* text : {"{\"views\":{}} // x", "{\"views\":{} /* x */}", "{\"views\":{},}",
                           "{\"decorators\": {\"load\": [\"a\", /* b */ ], }, // c\n}"}) {
    EXPECT_TRUE(read(text)) << text;
    EXPECT_FALSE(read(text, ConfigForm::strict)) << text;
  }
  const auto text = R"({"views": {"v": "SELECT '// no comment' /* nor this */"}})";
  EXPECT_THAT(read(text)->views, ElementsAre(Pair("v", "SELECT '// no comment' /* nor this */")));
}

TEST(Document, WhatIsWrongIsSaidWithItsPlace) {
  EXPECT_THAT(read("{\n  \"views\": oops}").error().text(), HasSubstr("/c.conf: line 2, column "));
  EXPECT_THAT(read("# a comment\n{]").error().message, HasSubstr("line 2, column 2"));
  EXPECT_THAT(read("{\"a\":").error().message, HasSubstr("line 1, column 6")) << "where the text ends";
  EXPECT_THAT(read("{\"a\": \\\n\\\n 1,\n]").error().message, HasSubstr("line 4")) << "behind joined lines";
  for (const auto* text :
       {"", "  \n", "[]", "\"x\"", "5", "null", "{\"a\":", "{\"a\":NaN}", "{} {}", "{'a': 1}", "\xEF\xBB\xBF{}"}) {
    EXPECT_FALSE(read(text)) << text;
    EXPECT_FALSE(read(text, ConfigForm::strict)) << text;
  }
  EXPECT_TRUE(read("{\"a\": \"\xE9\"}", ConfigForm::strict)) << "bytes that are not UTF-8 are let through";
}

TEST(Document, DepthAndSizeAreBounded) {
  const auto nested = [](int depth) {
    std::string text = "1";
    for (int i = 0; i < depth; ++i) text = "{\"a\":" + text + "}";
    return text;
  };
  EXPECT_TRUE(read(nested(32)));
  EXPECT_THAT(read(nested(33)).error().message, EndsWith(kTooDeep));
  EXPECT_FALSE(read(std::string(100'000, '[')));
  EXPECT_TRUE(read("{\"pad\": \"" + std::string(4'000'000, 'x') + "\"}"));
  EXPECT_THAT(read("{\"pad\": \"" + std::string(kLargestConfig, 'x') + "\"}").error().message, HasSubstr("larger"));
  EXPECT_TRUE(read("#" + std::string(kLargestConfig, 'x') + "\n{}")) << "comments do not count";
  std::string many = "{\"a\": [";
  for (int i = 0; i < 500'000; ++i) many += "[],";
  EXPECT_THAT(read(many + "1]}").error().message, HasSubstr("values"));
}

// CFG-08, AGT-04.
TEST(Gates, Platform) {
  for (const auto* ours :
       {"", "null", "any", "all", "linux", "ubuntu", "centos", "posix", "darwin,linux", "windows, any"})
    EXPECT_TRUE(runs_on_linux(ours)) << ours;
  for (const auto* other : {"darwin", "windows", "freebsd", "Linux"}) EXPECT_FALSE(runs_on_linux(other)) << other;
}

TEST(Gates, Version) {
  for (const auto& [version, required] :
       std::vector<std::pair<std::string, std::string>>{{"5.23.0-38-ga5b14f63d", "5.23.0"},
                                                        {"5.23.0", "5.9.9"},
                                                        {"5.23.0", ""},
                                                        {"5.23.0", "0.0.0"},
                                                        {"0.0.0", "9.9.9"},
                                                        {"5.23", "5.23.7"},
                                                        {"5.23.0", "4"},
                                                        {"10.0.0", "9.0.0"}})
    EXPECT_TRUE(version_satisfies(version, required)) << version << ' ' << required;
  for (const auto& [version, required] : std::vector<std::pair<std::string, std::string>>{
           {"5.23.0", "5.23.1"}, {"5.23.0", "6"}, {"5.23.0", "99.0.0"}, {"5.9.0", "5.10.0"}})
    EXPECT_FALSE(version_satisfies(version, required)) << version << ' ' << required;
}

// CFG-11: the first byte of SHA-1 of the name, of 255, in percent.
TEST(Gates, Shard) {
  EXPECT_EQ(shard_number(""), 0xDAu * 100 / 255);
  EXPECT_EQ(shard_number("abc"), 0xA9u * 100 / 255);
}

TEST(ConfigJson, TextOfATree) {
  const auto text = R"({"a":[1,-2,18446744073709551615,1.5,true,null,"é\n"],"b":{}})";
  const auto tree = parse_config_json("x", text, ConfigForm::strict);
  ASSERT_TRUE(tree);
  EXPECT_EQ(config_json_text(*tree), text);
  EXPECT_EQ(tree->member("none"), nullptr);
  EXPECT_TRUE(tree->member("b")->is_object());
}

TEST(ConfigJson, KeysWithEscapes) {
  const auto tree = parse_config_json("x", "{\n\"a\\u0062c\": 1,\n\"d\\n\": 2}", ConfigForm::strict);
  ASSERT_EQ(tree->children.size(), 2u);
  EXPECT_EQ(tree->children[0].name, "abc");
  EXPECT_EQ(tree->children[1].name, "d\n");
}

}  // namespace
}  // namespace osprey::protocol
