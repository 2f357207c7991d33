#include "agent/config/config_manager.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/failing_store.h"
#include "store/memory_store.h"

namespace osprey::agent {
namespace {

using protocol::Severity;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

// What a plugin would say next; the test changes it.
struct World {
  ConfigPlugin::Sources sources;
  std::optional<Error> failure;
  std::map<std::string, std::string> packs;
};

class FakePlugin final : public ConfigPlugin, private protocol::PackFiles {
 public:
  explicit FakePlugin(const World& world) : world_(world) {}
  Result<Sources> fetch() override {
    if (world_.failure) return std::unexpected(*world_.failure);
    return world_.sources;
  }
  const protocol::PackFiles& pack_files() const override { return *this; }

 private:
  Result<std::string> read(const std::string& path) const override {
    const auto found = world_.packs.find(path);
    if (found == world_.packs.end()) return system_failure(ENOENT, path);
    return found->second;
  }
  std::vector<std::string> match(const std::string&) const override { return {}; }

  const World& world_;
};

// One run of the program; its store and world outlive it.
class ProgramRun {
 public:
  ProgramRun(const World& world, store::Store* store, bool compatible = false, Flags flags = {}) {
    program_.osquery_compatible = compatible;
    manager.emplace(ConfigManager::Parts{.program = program_,
                                         .base = std::move(flags),
                                         .plugin = std::make_unique<FakePlugin>(world),
                                         .store = store,
                                         .tell = [this](Severity severity, const std::string& text) {
                                           said.push_back(fmt::format("{}: {}", static_cast<int>(severity), text));
                                         }});
    manager->add_listener([this](const ConfigurationPtr&) { ++changes; });
  }

  std::vector<std::string> queries() const {
    std::vector<std::string> names;
    const auto current = manager->current();
    for (const auto& pack : current->packs)
      for (const auto& query : pack.queries) names.push_back(query.sql);
    return names;
  }
  std::vector<std::string> heard() { return std::exchange(said, {}); }

  Program program_;
  std::vector<std::string> said;
  int changes = 0;
  std::optional<ConfigManager> manager;
};

std::string schedule(std::string_view sql) { return fmt::format(R"({{"schedule": {{"a": {{"query": "{}"}}}}}})", sql); }

class ConfigManagerTest : public testing::Test {
 protected:
  World world;
  std::shared_ptr<store::Store> store = store::memory_store();
};

TEST_F(ConfigManagerTest, TheFlagsAloneBeforeTheFirstFetch) {
  Flags flags;
  flags.set("nullvalue", "N");
  ProgramRun run(world, nullptr, false, flags);
  const auto current = run.manager->current();
  EXPECT_EQ(current->flags.text("nullvalue"), "N");
  EXPECT_EQ(std::tie(current->hash, current->valid), std::tuple("", false));
}

// CFG-02: a change makes a new snapshot, and who works with the old one keeps it.
TEST_F(ConfigManagerTest, AChangeMakesANewSnapshot) {
  world.sources = {{"/c", schedule("one")}};
  ProgramRun run(world, store.get());
  ASSERT_TRUE(run.manager->load());
  const auto first = run.manager->current();
  EXPECT_TRUE(first->valid);
  EXPECT_THAT(first->hash, SizeIs(40));
  EXPECT_EQ(first->generation, 1u);
  EXPECT_THAT(run.heard(), IsEmpty());

  world.sources.insert_or_assign("/c", schedule("two"));
  EXPECT_TRUE(run.manager->refresh());
  EXPECT_THAT(run.queries(), ElementsAre("two"));
  EXPECT_EQ(run.manager->current()->generation, 2u);
  EXPECT_NE(run.manager->current()->hash, first->hash);
  EXPECT_EQ(first->packs[0].queries[0].sql, "one");
  EXPECT_THAT(run.heard(), ElementsAre("0: configuration changed: 1 query edited (a)"));
  EXPECT_EQ(run.changes, 2);
}

TEST_F(ConfigManagerTest, WhatIsUnchangedMakesNoNewGeneration) {
  world.sources = {{"/c", schedule("one")}};
  ProgramRun run(world, store.get());
  ASSERT_TRUE(run.manager->load());
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(run.manager->refresh(i % 2 == 0));
  EXPECT_EQ(run.manager->current()->generation, 1u);
  EXPECT_EQ(run.changes, 1);
  EXPECT_THAT(run.said, IsEmpty());
}

// osquery: SHA-1 over the SHA-1 of each source, hexadecimal.
TEST_F(ConfigManagerTest, HashIsOsquerys) {
  world.sources = {{"/c", "{}"}};
  ProgramRun run(world, nullptr);
  ASSERT_TRUE(run.manager->load());
  EXPECT_EQ(run.manager->current()->hash, "f80dee827635db39077a458243379b3ad63311fd");
}

// CFG-06, weakness 1: osquery drops the schedule of a source whose update is broken.
TEST_F(ConfigManagerTest, TheLastGoodDocumentStays) {
  world.sources = {{"/c", schedule("one")}, {"/d", schedule("other")}};
  ProgramRun run(world, store.get());
  ASSERT_TRUE(run.manager->load());
  const auto before = run.manager->current();

  world.sources.insert_or_assign("/c", "{\n\"schedule\": oops}");
  const auto refused = run.manager->refresh();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text(), HasSubstr("/c: line 2, column"));
  EXPECT_EQ(run.manager->current(), before);
  EXPECT_THAT(run.heard(),
              ElementsAre(AllOf(HasSubstr("2: configuration /c: line 2, column"), HasSubstr("stays in force"))));

  EXPECT_FALSE(run.manager->refresh());
  EXPECT_THAT(run.heard(), IsEmpty()) << "the same text is told once";
  EXPECT_FALSE(run.manager->refresh(true));
  EXPECT_THAT(run.heard(), ElementsAre(HasSubstr("line 2"))) << "and again to who asks";
  world.sources.insert_or_assign("/c", "{\n\"schedule\": ouch}");
  EXPECT_FALSE(run.manager->refresh());
  EXPECT_THAT(run.heard(), SizeIs(1)) << "another text is told again";

  world.sources.insert_or_assign("/c", schedule("mended"));
  EXPECT_TRUE(run.manager->refresh());
  EXPECT_THAT(run.queries(), ElementsAre("mended", "other"));
}

TEST_F(ConfigManagerTest, ASourceThatCannotBeReadKeepsItsLast) {
  world.sources = {{"/c", schedule("one")}};
  ProgramRun run(world, store.get());
  ASSERT_TRUE(run.manager->load());
  world.sources.insert_or_assign("/c", system_failure(EACCES, "/c"));
  EXPECT_FALSE(run.manager->refresh());
  EXPECT_THAT(run.heard(), ElementsAre(AllOf(HasSubstr("Permission denied"), HasSubstr("stays in force"))));
  world.failure = Error{ENOENT, "/c", "gone"};
  EXPECT_FALSE(run.manager->refresh());
  EXPECT_THAT(run.queries(), ElementsAre("one"));
  EXPECT_THAT(run.heard(), ElementsAre(HasSubstr("/c: gone; the last good configuration stays in force")));
}

// Weakness 2: what has gone goes.
TEST_F(ConfigManagerTest, VanishedSourcesAndOptionsGo) {
  Flags flags;
  flags.set("nullvalue", "command line");
  world.sources = {{"/c", R"({"options": {"nullvalue": "configuration", "schedule_epoch": 5}})"},
                   {"/d", schedule("other")}};
  ProgramRun run(world, store.get(), false, flags);
  ASSERT_TRUE(run.manager->load());
  EXPECT_EQ(run.manager->current()->flags.text("nullvalue"), "configuration");
  world.sources = {{"/c", "{}"}};
  EXPECT_TRUE(run.manager->refresh());
  EXPECT_THAT(run.queries(), IsEmpty());
  EXPECT_EQ(run.manager->current()->flags.text("nullvalue"), "command line");
  EXPECT_EQ(run.manager->current()->flags.text("schedule_epoch"), "0");
}

TEST_F(ConfigManagerTest, OptionsThatNeedARestartAreListed) {
  world.sources = {{"/c", "{}"}};
  ProgramRun run(world, store.get());
  ASSERT_TRUE(run.manager->load());
  world.sources.insert_or_assign("/c", R"({"options": {"hash_cache_max": 5, "verbose": true, "ephemeral": true}})");
  EXPECT_TRUE(run.manager->refresh());
  EXPECT_THAT(run.said, testing::Contains("1: options that take effect at the next start: ephemeral, hash_cache_max"));
}

// The last good text is there again after a restart.
TEST_F(ConfigManagerTest, BrokenAtStart) {
  world.sources = {{"/c", schedule("one")}};
  ASSERT_TRUE(ProgramRun(world, store.get()).manager->load());
  EXPECT_EQ(store->get(store::Family::configuration, "config_persistence./c").value(), schedule("one"));

  world.sources.insert_or_assign("/c", "{broken");
  ProgramRun run(world, store.get());
  EXPECT_FALSE(run.manager->load());
  EXPECT_THAT(run.queries(), ElementsAre("one"));
  EXPECT_TRUE(run.manager->current()->valid);
  EXPECT_THAT(run.heard(), ElementsAre(AllOf(HasSubstr("/c: line 1"), HasSubstr("earlier run, is taken"))));
  world.sources.insert_or_assign("/c", schedule("two"));
  EXPECT_TRUE(run.manager->refresh());
  EXPECT_THAT(run.queries(), ElementsAre("two"));
}

TEST_F(ConfigManagerTest, MissingAtStart) {
  world.sources = {{"/c", schedule("one")}, {"/c.d/x", schedule("two")}};
  ASSERT_TRUE(ProgramRun(world, store.get()).manager->load());
  world.failure = Error{ENOENT, "/c", "No such file"};
  ProgramRun run(world, store.get());
  EXPECT_FALSE(run.manager->load());
  EXPECT_THAT(run.queries(), ElementsAre("one", "two"));
  EXPECT_FALSE(run.manager->current()->valid) << "no fetch has succeeded";
  EXPECT_THAT(run.heard(), ElementsAre(AllOf(HasSubstr("/c: No such file"), HasSubstr("last run is taken"))));
}

TEST_F(ConfigManagerTest, WhatVanishedBetweenRunsIsForgotten) {
  world.sources = {{"/c", schedule("one")}, {"/c.d/x", schedule("two")}};
  ASSERT_TRUE(ProgramRun(world, store.get()).manager->load());
  world.sources.erase("/c.d/x");
  ProgramRun run(world, store.get());
  ASSERT_TRUE(run.manager->load());
  EXPECT_THAT(run.queries(), ElementsAre("one"));
  EXPECT_EQ(store->get(store::Family::configuration, "config_persistence./c.d/x").value(), std::nullopt);
}

// Under osquery's names only a failed fetch, and only with --config_enable_backup.
TEST_F(ConfigManagerTest, BackupsUnderOsquerysNames) {
  Flags backup;
  backup.set("config_enable_backup", "true");
  world.sources = {{"/c", schedule("one")}};
  ASSERT_TRUE(ProgramRun(world, store.get(), true).manager->load());
  EXPECT_EQ(store->get(store::Family::configuration, "config_persistence./c").value(), std::nullopt);
  ASSERT_TRUE(ProgramRun(world, store.get(), true, backup).manager->load());
  EXPECT_EQ(store->get(store::Family::configuration, "config_persistence./c").value(), schedule("one"));

  world.sources.insert_or_assign("/c", "{broken");
  ProgramRun broken(world, store.get(), true, backup);
  EXPECT_FALSE(broken.manager->load());
  EXPECT_THAT(broken.queries(), IsEmpty());
  world.failure = Error{ENOENT, "", "config file does not exist: /c"};
  ProgramRun without(world, store.get(), true);
  EXPECT_FALSE(without.manager->load());
  EXPECT_THAT(without.queries(), IsEmpty());
  ProgramRun with(world, store.get(), true, backup);
  EXPECT_FALSE(with.manager->load());
  EXPECT_THAT(with.queries(), ElementsAre("one"));
}

TEST_F(ConfigManagerTest, OsquerysWords) {
  world.sources = {{"/c", "{bad"}};
  ProgramRun run(world, nullptr, true);
  const auto loaded = run.manager->load();
  EXPECT_THAT(run.heard(), ElementsAre("2: updateSource failed to parse config, of source: /c and content: {bad"));
  EXPECT_EQ(osquery_failure(loaded.error()), "Error reading config: Error parsing the config JSON");
  EXPECT_EQ(osquery_failure({0, "", "config file does not exist: /c"}),
            "Error reading config: config file does not exist: /c");
}

TEST_F(ConfigManagerTest, APackFileThatBreaksKeepsItsLast) {
  const auto pack = [](std::string_view sql) {
    return fmt::format(R"({{"queries": {{"p": {{"query": "{}"}}}}}})", sql);
  };
  world.sources = {{"/c", R"({"packs": {"x": "/x"}})"}};
  world.packs = {{"/x", pack("one")}};
  {
    ProgramRun run(world, store.get());
    ASSERT_TRUE(run.manager->load());
    world.packs["/x"] = pack("two");
    EXPECT_TRUE(run.manager->refresh());
    EXPECT_THAT(run.queries(), ElementsAre("two")) << "a pack's file is looked at too";
    world.packs["/x"] = "{broken";
    EXPECT_TRUE(run.manager->refresh());
    EXPECT_THAT(run.queries(), ElementsAre("two"));
    EXPECT_THAT(run.heard(), testing::Contains(HasSubstr("/x said before stays in force")));
    EXPECT_TRUE(run.manager->refresh());
    EXPECT_THAT(run.heard(), IsEmpty()) << "told once";
  }
  world.packs.clear();
  ProgramRun run(world, store.get());
  EXPECT_TRUE(run.manager->load());
  EXPECT_THAT(run.queries(), ElementsAre("two")) << "also across a restart";
}

TEST_F(ConfigManagerTest, DiscoveryDecidesWhatPacksBring) {
  world.sources = {{"/c", R"({"packs": {"p": {"queries": {}, "discovery": ["SELECT 1"],
                                              "options": {"schedule_epoch": 9}}}})"}};
  ProgramRun run(world, nullptr);
  ASSERT_TRUE(run.manager->load());
  EXPECT_EQ(run.manager->current()->flags.number("schedule_epoch"), 0);
  run.manager->set_active_packs({{"/c", "p"}});
  EXPECT_EQ(run.manager->current()->flags.number("schedule_epoch"), 9);
  run.manager->set_active_packs({{"/c", "p"}});
  EXPECT_EQ(run.changes, 2);
  run.manager->set_active_packs({});
  EXPECT_EQ(run.manager->current()->flags.number("schedule_epoch"), 0);
}

// A store that dies or is full costs nothing but the backup.
TEST_F(ConfigManagerTest, AStoreThatFails) {
  world.sources = {{"/c", schedule("one")}};
  const auto full = store::failing_store(store, [](const auto&) { return store::Fault::no_space; });
  ProgramRun run(world, full.get());
  EXPECT_TRUE(run.manager->load());
  EXPECT_THAT(run.queries(), ElementsAre("one"));
  EXPECT_THAT(run.said, ElementsAre(HasSubstr("1: the configuration cannot be kept for a start without one")));
}

TEST_F(ConfigManagerTest, DeathAtEveryPointOfTheStore) {
  for (std::uint64_t number = 0; number < 4; ++number) {
    for (const bool after : {false, true}) {
      store = store::memory_store();
      world.sources = {{"/c", schedule("one")}};
      ASSERT_TRUE(ProgramRun(world, store.get()).manager->load());
      const auto dying = store::failing_store(store, [&](const store::FaultPoint& at) {
        return at.number == number && at.after == after ? store::Fault::die : store::Fault::none;
      });
      try {
        ProgramRun run(world, dying.get());
        ASSERT_TRUE(run.manager->load());
        for (const auto* sql : {"two", "three", "four", "five"}) {
          world.sources.insert_or_assign("/c", schedule(sql));
          ASSERT_TRUE(run.manager->refresh());
        }
      } catch (const store::Death&) {
      }
      world.failure = Error{ENOENT, "/c", "gone"};
      ProgramRun next(world, store.get());
      EXPECT_FALSE(next.manager->load());
      EXPECT_THAT(next.queries(), SizeIs(1)) << number << after;
      world.failure.reset();
    }
  }
}

TEST(ConfigPlugins, UnknownOnes) {
  Flags flags;
  flags.set("config_plugin", "nope");
  Program program;
  EXPECT_THAT(make_config_plugin(flags, program, nullptr).error().text(), HasSubstr("--config_plugin nope"));
  program.osquery_compatible = true;
  EXPECT_EQ(make_config_plugin(flags, program, nullptr).error().text(),
            "Cannot activate nope config plugin: Unknown registry plugin: nope");
}

}  // namespace
}  // namespace osprey::agent
