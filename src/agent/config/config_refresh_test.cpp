#include "agent/config/config_refresh.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <condition_variable>
#include <set>

#include "agent/config/file_watch.h"
#include "base/temporary_tree.h"

namespace osprey::agent {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace std::chrono_literals;

constexpr auto kLongest = 20s;  // nothing here takes so long

std::string schedule(std::string_view sql) { return fmt::format(R"({{"schedule": {{"a": {{"query": "{}"}}}}}})", sql); }

// A manager over real files and the thread that follows them.
class ConfigRefreshTest : public TemporaryTree {
 protected:
  void start(ConfigRefreshTimes times = {.quiet = 20ms}, const std::string& path = "etc/c.conf") {
    Flags flags;
    flags.set("config_path", (top / path).string());
    auto plugin = make_config_plugin(flags, program, nullptr);
    manager.emplace(ConfigManager::Parts{.program = program,
                                         .base = flags,
                                         .plugin = std::move(*plugin),
                                         .tell = [this](protocol::Severity, const std::string& text) {
                                           std::lock_guard lock(mutex);
                                           said.push_back(text);
                                           heard.notify_all();
                                         }});
    manager->add_listener([this](const ConfigurationPtr&) {
      std::lock_guard lock(mutex);
      heard.notify_all();
    });
    loaded = manager->load().has_value();
    refresh.emplace(*manager, times);
  }
  ~ConfigRefreshTest() override { refresh.reset(); }

  std::vector<std::string> queries() const {
    std::vector<std::string> found;
    const auto current = manager->current();
    for (const auto& pack : current->packs)
      for (const auto& query : pack.queries) found.push_back(query.sql);
    return found;
  }
  // Waits until these queries are in force.
  void expect(const std::vector<std::string>& wanted) {
    std::unique_lock lock(mutex);
    EXPECT_TRUE(heard.wait_for(lock, kLongest, [&] { return queries() == wanted; }))
        << testing::PrintToString(queries()) << " instead of " << testing::PrintToString(wanted);
  }
  void expect_said(const std::string& part) {
    std::unique_lock lock(mutex);
    const auto is = [&](const std::string& text) { return text.contains(part); };
    EXPECT_TRUE(heard.wait_for(lock, kLongest, [&] { return std::ranges::any_of(said, is); })) << part;
  }
  void replace(const std::string& name, std::string_view text) {
    write(name + ".new", text);
    fs::rename(top / (name + ".new"), top / name);
  }

  Program program;
  std::optional<ConfigManager> manager;
  std::optional<ConfigRefresh> refresh;
  std::mutex mutex;
  std::condition_variable heard;
  std::vector<std::string> said;
  bool loaded = false;
};

// CFG-06
TEST_F(ConfigRefreshTest, RenamedOver) {
  write("etc/c.conf", schedule("one"));
  start();
  replace("etc/c.conf", schedule("two"));
  expect({"two"});
  replace("etc/c.conf", schedule("three"));
  expect({"three"});
}

TEST_F(ConfigRefreshTest, WrittenInTwoSteps) {
  write("etc/c.conf", schedule("one"));
  start();
  const auto text = schedule("two");
  std::ofstream file(top / "etc/c.conf", std::ios::trunc);
  file << text.substr(0, 10) << std::flush;
  std::this_thread::sleep_for(100ms);  // longer than what is waited for after a change
  EXPECT_THAT(queries(), ElementsAre("one"));
  file << text.substr(10);
  file.close();
  expect({"two"});
}

// An editor that moves the old file away first.
TEST_F(ConfigRefreshTest, RemovedAndMadeAnew) {
  write("etc/c.conf", schedule("one"));
  start();
  fs::rename(top / "etc/c.conf", top / "etc/c.conf~");
  expect_said("the last good configuration stays in force");
  EXPECT_THAT(queries(), ElementsAre("one"));
  write("etc/c.conf", schedule("two"));
  expect({"two"});
}

// As Kubernetes mounts a ConfigMap: the file is a link through ..data, which is swapped.
TEST_F(ConfigRefreshTest, LinksAreSwapped) {
  write("etc/..1/c.conf", schedule("one"));
  write("etc/..2/c.conf", schedule("two"));
  fs::create_symlink("..1", top / "etc/..data");
  fs::create_symlink("..data/c.conf", top / "etc/c.conf");
  start();
  expect({"one"});
  fs::create_symlink("..2", top / "etc/..data_tmp");
  fs::rename(top / "etc/..data_tmp", top / "etc/..data");
  fs::remove_all(top / "etc/..1");
  expect({"two"});
  write("etc/..2/c.conf", schedule("three"));
  expect({"three"});
}

TEST_F(ConfigRefreshTest, TheFolderIsSwapped) {
  write("etc/c.conf", schedule("one"));
  write("other/c.conf", schedule("two"));
  start();
  fs::rename(top / "etc", top / "old");
  fs::rename(top / "other", top / "etc");
  expect({"two"});
}

TEST_F(ConfigRefreshTest, FilesOfTheFolderComeAndGo) {
  write("etc/c.conf", "{}");
  start();
  write("etc/c.conf.d/a.conf", schedule("a"));  // the folder too is new
  expect({"a"});
  write("etc/c.conf.d/b.conf", schedule("b"));
  expect({"a", "b"});
  fs::remove(top / "etc/c.conf.d/a.conf");
  expect({"b"});
  fs::remove_all(top / "etc/c.conf.d");
  expect({});
}

TEST_F(ConfigRefreshTest, PackFilesAndPatterns) {
  const auto pack = [](std::string_view sql) {
    return fmt::format(R"({{"queries": {{"p": {{"query": "{}"}}}}}})", sql);
  };
  write("packs/a.conf", pack("a"));
  write("lone/p.conf", pack("lone"));
  write("etc/c.conf", fmt::format(R"({{"packs": {{"*": "{0}/packs/*.conf", "p": "{0}/lone/p.conf"}}}})", top.string()));
  start();
  expect({"a", "lone"});
  replace("lone/p.conf", pack("lone2"));
  expect({"a", "lone2"});
  write("packs/b.conf", pack("b"));
  expect({"a", "b", "lone2"});
  fs::remove(top / "packs/a.conf");
  expect({"b", "lone2"});
}

TEST_F(ConfigRefreshTest, BrokenThenMended) {
  write("etc/c.conf", schedule("one"));
  start();
  replace("etc/c.conf", "{\n oops");
  expect_said("line 2");
  EXPECT_THAT(queries(), ElementsAre("one"));
  replace("etc/c.conf", schedule("two"));
  expect({"two"});
}

TEST_F(ConfigRefreshTest, AModeThatIsMended) {
  write("etc/c.conf", schedule("one"));
  fs::permissions(top / "etc/c.conf", fs::perms::others_write, fs::perm_options::add);
  start();
  EXPECT_FALSE(loaded);
  expect_said("run chmod o-w");
  fs::permissions(top / "etc/c.conf", fs::perms::others_write, fs::perm_options::remove);
  expect({"one"});
}

TEST_F(ConfigRefreshTest, AFolderAsConfiguration) {
  write("conf/a.conf", schedule("a"));
  start({.quiet = 20ms}, "conf");
  write("conf/b.conf", schedule("b"));
  expect({"a", "b"});
}

// A hundred changes as fast as they can be written: the last one counts, and the looks are far fewer.
TEST_F(ConfigRefreshTest, AHundredChanges) {
  write("etc/c.conf", schedule("start"));
  start();
  for (int i = 0; i < 100; ++i) replace("etc/c.conf", i % 3 == 0 ? "{broken" : schedule(fmt::format("{}", i)));
  replace("etc/c.conf", schedule("last"));
  expect({"last"});
  EXPECT_LE(manager->current()->generation, 102u);
}

TEST_F(ConfigRefreshTest, OtherFilesOfTheFolderAreNobodysBusiness) {
  write("etc/c.conf", schedule("one"));
  FileWatch watch;
  ASSERT_GE(watch.fd(), 0);
  EXPECT_TRUE(watch.set({{(top / "etc/c.conf").string()}, {}}));
  EXPECT_FALSE(watch.set({{(top / "etc/c.conf").string()}, {}})) << "the same again";
  EXPECT_FALSE(watch.drain());
  write("etc/other.conf", "{}");
  EXPECT_FALSE(watch.drain());
  std::ofstream file(top / "etc/c.conf", std::ios::trunc);
  file << "{" << std::flush;
  EXPECT_FALSE(watch.drain()) << "a file that is half written";
  file << "}";
  file.close();
  EXPECT_TRUE(watch.drain());
  EXPECT_FALSE(watch.drain());
  fs::remove_all(top / "etc");
  EXPECT_TRUE(watch.drain());
}

// CFG-03
TEST_F(ConfigRefreshTest, ByTheClock) {
  write("etc/c.conf", schedule("one"));
  start({.period = 20ms, .accelerated = 20ms, .on_change = false});
  replace("etc/c.conf", schedule("two"));
  expect({"two"});
}

TEST_F(ConfigRefreshTest, SoonerAfterAFailure) {
  write("etc/c.conf", schedule("one"));
  start({.period = 50ms, .accelerated = 1ms, .on_change = false});
  fs::remove(top / "etc/c.conf");
  expect_said("stays in force");
  write("etc/c.conf", schedule("two"));
  expect({"two"});
}

TEST_F(ConfigRefreshTest, WhenAsked) {
  write("etc/c.conf", schedule("one"));
  start({.on_change = false});
  write("etc/c.conf", schedule("two"));
  refresh->now();
  expect({"two"});
  write("etc/c.conf", "{");
  refresh->now();
  expect_said("line 1");
}

TEST(ConfigRefreshTimes, OfTheFlags) {
  Flags flags;
  flags.set("config_refresh", "60");
  Program program;
  EXPECT_EQ(refresh_times(flags, program).period, 60s);
  EXPECT_EQ(refresh_times(flags, program).accelerated, 300s);
  EXPECT_TRUE(refresh_times(flags, program).on_change);
  program.osquery_compatible = true;
  EXPECT_FALSE(refresh_times(flags, program).on_change) << "osquery looks by the clock alone";
}

TEST(DelayToNext, OfFilesIsAsTheFlagsSay) {
  const ConfigRefreshTimes times{.period = 10s, .accelerated = 3s};
  EXPECT_EQ(delay_to_next(times, 0), 10s);
  EXPECT_EQ(delay_to_next(times, 1), 3s);
  EXPECT_EQ(delay_to_next(times, 9), 3s);
  EXPECT_EQ(delay_to_next({.period = 0s, .accelerated = 3s}, 0), std::nullopt);
  EXPECT_EQ(delay_to_next({.period = 0s, .accelerated = 3s}, 1), std::nullopt);
}

// CFG-03
TEST(DelayToNext, OfAServerIsSpreadAndGrowsAfterFailures) {
  const ConfigRefreshTimes times{.period = 100s, .accelerated = 300s, .shared = true};
  std::set<std::chrono::milliseconds> seen;
  for (int i = 0; i < 100; ++i) {
    seen.insert(*delay_to_next(times, 0));
    EXPECT_LE(*delay_to_next(times, 1), 6s);
    EXPECT_GE(*delay_to_next(times, 3), 8s);
    EXPECT_LE(*delay_to_next(times, 1000), 450s);
  }
  EXPECT_GE(*seen.begin(), 90s);
  EXPECT_LE(*seen.rbegin(), 110s);
  EXPECT_GT(seen.size(), 50u);
  EXPECT_EQ(delay_to_next({.period = 0s, .accelerated = 300s, .shared = true}, 0), std::nullopt);
  EXPECT_TRUE(delay_to_next({.period = 0s, .accelerated = 300s, .shared = true}, 1))
      << "there is no other way to get it";
  EXPECT_GE(*delay_to_next({.period = 9s, .accelerated = 0s, .shared = true}, 5), 2s) << "no busy loop";
}

}  // namespace
}  // namespace osprey::agent
