#include "agent/config/configuration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace osprey::agent {
namespace {

using protocol::ConfigNote;
using protocol::Document;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

class NoFiles final : public protocol::PackFiles {
  Result<std::string> read(const std::string& path) const override { return system_failure(ENOENT, path); }
  std::vector<std::string> match(const std::string&) const override { return {}; }
};

Document document(const std::string& source, std::string_view text) {
  auto parsed = protocol::parse_document(source, text, protocol::ConfigForm::lenient, NoFiles());
  EXPECT_TRUE(parsed) << parsed.error().text();
  return *parsed;
}

struct Made {
  Configuration configuration;
  std::vector<ConfigNote> notes;
};

Made make(const std::vector<Document>& documents, const std::set<PackId>& active = {}, const Flags& base = {},
          unsigned shard_number = 50) {
  std::vector<ConfigPart> parts;
  for (const auto& one : documents) parts.push_back({one, true});
  Made made;
  made.configuration = make_configuration(base, parts, active, shard_number, made.notes);
  return made;
}

std::vector<std::string> queries_of(const protocol::Pack& pack) {
  std::vector<std::string> names;
  for (const auto& query : pack.queries) names.push_back(query.name);
  return names;
}

TEST(Configuration, OptionsComeOverTheCommandLineInTheOrderOfSources) {
  Flags base;
  base.set("schedule_epoch", "1");
  base.set("nullvalue", "NIL");
  const auto made = make({document("a", R"({"options": {"schedule_epoch": 2, "custom_x": {"y": 1}}})"),
                          document("b", R"({"options": {"schedule_epoch": 3}})")},
                         {}, base);
  EXPECT_EQ(made.configuration.flags.text("schedule_epoch"), "3");
  EXPECT_EQ(made.configuration.flags.text("nullvalue"), "NIL");
  EXPECT_THAT(made.configuration.flags.custom(), ElementsAre(Pair("custom_x", R"({"y":1})")));
  EXPECT_THAT(made.notes, IsEmpty());
}

TEST(Configuration, OptionsThatCannotBeSet) {
  const auto made = make({document("c", R"({"options": {"no_such": 1, "schedule_epok": 1, "config_path": "/x",
      "json": true, "progress": true, "nullvalue": null, "schedule_splay_percent": "abc", "verbose": true}})")});
  std::vector<std::string> osquery;
  for (const auto& note : made.notes)
    if (!note.osquery.empty()) osquery.push_back(note.osquery);
  EXPECT_THAT(
      osquery,
      ElementsAre("Cannot set unknown or invalid flag: no_such", "Cannot set unknown or invalid flag: schedule_epok",
                  HasSubstr("The CLI only flag --config_path set via config file will be ignored"),
                  HasSubstr("The CLI only flag --json"), "Cannot set unknown or invalid flag: progress",
                  "Cannot parse unknown value type for option: nullvalue", "Verbose logging enabled by config option"));
  EXPECT_EQ(made.notes.size(), 8u);
  EXPECT_THAT(made.notes[1].text, HasSubstr("did you mean schedule_epoch?"));
  EXPECT_THAT(made.notes[1].where, HasSubstr("c: options.schedule_epok"));
  EXPECT_EQ(made.notes.back().severity, protocol::Severity::info);
  EXPECT_EQ(made.configuration.flags.text("schedule_splay_percent"), "10");
}

// CFG-08, CFG-11, AGT-04: what is for other hosts is left out without a word.
TEST(Configuration, QueriesAndPacksForOtherHosts) {
  const auto made = make({document("c", R"({
    "schedule": {"a": {"query": "SELECT 1"}, "mac": {"query": "SELECT 1", "platform": "darwin"},
                 "new": {"query": "SELECT 1", "version": "99.0.0"}, "few": {"query": "SELECT 1", "shard": 49},
                 "half": {"query": "SELECT 1", "shard": 50}},
    "packs": {"windows": {"platform": "windows", "queries": {"a": {"query": "SELECT 1"}},
                          "views": {"w": "SELECT 1"}, "options": {"verbose": true}}}})")});
  ASSERT_EQ(made.configuration.packs.size(), 2u);
  EXPECT_THAT(queries_of(made.configuration.packs[0]), ElementsAre("a", "half"));
  EXPECT_THAT(queries_of(made.configuration.packs[1]), IsEmpty());
  EXPECT_EQ(made.configuration.packs[1].platform, "windows") << "osquery_packs lists it";
  EXPECT_THAT(made.configuration.views, IsEmpty());
  EXPECT_FALSE(made.configuration.flags.boolean("verbose"));
  EXPECT_THAT(made.notes, IsEmpty());
}

TEST(Configuration, ActivePacksBringWhatElseTheyHold) {
  const auto one = document("c", R"({"packs": {
    "always": {"queries": {}, "views": {"v": "SELECT 1"}, "options": {"schedule_epoch": 7}},
    "found": {"queries": {}, "discovery": ["SELECT 1"], "views": {"w": "SELECT 1"},
              "decorators": {"load": ["SELECT 1"]}}}, "options": {"schedule_epoch": 8}})");
  const auto before = make({one});
  EXPECT_THAT(before.configuration.views, ElementsAre(Pair("v", "SELECT 1")));
  EXPECT_EQ(before.configuration.flags.text("schedule_epoch"), "8") << "the document itself comes after its packs";
  const auto after = make({one}, {{"c", "found"}});
  EXPECT_EQ(after.configuration.views.size(), 2u);
  EXPECT_EQ(after.configuration.decorators.size(), 1u);
}

// CFG-14, EVT-28
TEST(Configuration, EventFiltersOfAllSourcesAndWhatIsWrongWithThem) {
  const auto made = make({document("a", R"({"event_filters": ["-a never,exit -F exe=/usr/bin/make",
                                  {"id": "n", "rule": "-a never,exit -F uid=0", "tables": ["dns_events", "no_events"]}]})"),
                          document("b", R"({"event_filters": [{"id": "x", "rule": "-a never,exit -F uuid=0"},
                                  {"id": "y", "rule": "-a never,exit", "tables": ["no"]}]})")});
  const auto& filters = made.configuration.event_filters;
  ASSERT_EQ(filters.size(), 2);
  EXPECT_EQ(filters[0].id, "a:1");
  EXPECT_EQ(filters[0].source, "a");
  EXPECT_FALSE(filters[0].limited);
  EXPECT_TRUE(filters[1].limited);
  EXPECT_EQ(filters[1].kinds.count(), 1);
  EXPECT_TRUE(filters[1].kinds.test(events::kKind<events::DnsEvent>));
  std::vector<std::string> notes;
  for (const auto& note : made.notes) notes.push_back(note.where + ": " + note.text);
  EXPECT_THAT(notes, ElementsAre("a: event_filters.n: no_events is no table of events",
                                 "b: event_filters.x: 'uuid' is no field of a rule: 'auid' is; left out",
                                 "b: event_filters.y: no is no table of events",
                                 "b: event_filters.y: has no table that it could be about; left out"));
  EXPECT_EQ(describe_change({}, made.configuration), "event_filters changed");
}

// Weakness 8 of compat section 13: osquery keeps the last source's only.
TEST(Configuration, SourcesAreMergedByName) {
  const auto made =
      make({document("a", R"({"views": {"v": "SELECT 1", "w": "SELECT 2"}, "events": {"disable_subscribers": ["x"]},
           "auto_table_construction": {"t": {"query": "q", "path": "/a", "columns": ["c"]},
                                       "m": {"query": "q", "path": "/a", "columns": ["c"], "platform": "darwin"}},
           "file_paths": {"etc": ["/etc/a"]}, "kafka_topics": {"t": ["q"]}, "yara": {"signatures": {"g": ["/1"]}},
           "decorators": {"always": ["SELECT 1"]}, "prometheus_targets": {"urls": ["http://a"]}})"),
            document("b", R"({"views": {"v": "SELECT 3"}, "events": {"disable_subscribers": ["y"]},
           "auto_table_construction": {"t": {"query": "q", "path": "/b", "columns": ["c"]},
                                       "u": {"query": "q", "path": "/b", "columns": ["c"]}},
           "file_paths": {"etc": ["/etc/b"], "tmp": ["/tmp"]}, "kafka_topics": {"t": ["r"]},
           "yara": {"signatures": {"g": ["/2"], "h": ["/3"]}}, "decorators": {"always": ["SELECT 2"]},
           "prometheus_targets": {"urls": ["http://b"]}})")});
  const auto& is = made.configuration;
  EXPECT_THAT(is.views, ElementsAre(Pair("v", "SELECT 3"), Pair("w", "SELECT 2")));
  EXPECT_THAT(is.disabled_subscribers, ElementsAre("x", "y"));
  ASSERT_EQ(is.auto_tables.size(), 2u);
  EXPECT_EQ(is.auto_tables[0].path, "/b");
  EXPECT_THAT(is.files.paths,
              ElementsAre(Pair("etc", ElementsAre("/etc/a", "/etc/b")), Pair("tmp", ElementsAre("/tmp"))));
  EXPECT_THAT(is.kafka_topics, ElementsAre(Pair("t", ElementsAre("q", "r"))));
  EXPECT_EQ(is.yara, R"({"signatures":{"g":["/1","/2"],"h":["/3"]}})");
  EXPECT_EQ(is.decorators.size(), 2u);
  EXPECT_THAT(is.prometheus.urls, ElementsAre("http://b"));
  std::vector<std::string> said;
  for (const auto& note : made.notes) said.push_back(note.where);
  EXPECT_THAT(said, ElementsAre("b: t", "b: v", "b: prometheus_targets")) << "who replaces what";
}

TEST(Configuration, ChangesAreNamed) {
  const auto before = make({document("c", R"({"schedule": {"a": {"query": "SELECT 1"}, "b": {"query": "SELECT 1"},
      "c": {"query": "SELECT 1"}}, "options": {"schedule_epoch": 1}})")});
  const auto after = make({document("c", R"({"schedule": {"a": {"query": "SELECT 1"}, "b": {"query": "SELECT 2"},
      "d": {"query": "SELECT 1"}, "e": {"query": "SELECT 1"}}, "views": {"v": "SELECT 1"},
      "options": {"hash_cache_max": 1}})")});
  EXPECT_EQ(describe_change(before.configuration, after.configuration),
            "2 queries added (d, e); 1 query removed (c); 1 query edited (b); options changed: hash_cache_max, "
            "schedule_epoch; views changed");
  EXPECT_EQ(describe_change(after.configuration, after.configuration), "");
  EXPECT_THAT(options_for_restart(before.configuration, after.configuration), ElementsAre("hash_cache_max"));
}

}  // namespace
}  // namespace osprey::agent
