// LOG-05: several sinks at once, of which none holds up another.
#include "agent/logging/sink_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "store/memory_store.h"

namespace osprey::agent {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// What a test does to a sink, and what came of it; outlives the sink.
struct Script {
  std::mutex mutex;
  std::condition_variable changed;
  std::string text;
  std::string mark;
  std::string resumed;
  std::string path;
  int fail = 0;  // so many deliveries
  bool hang = false;
  bool throws = false;
  bool refuse = false;  // the configuration
  bool status = true;
  Interrupt::Clock::time_point due{};
  milliseconds delay{0};  // after a failure; 0: the runner's
  int deliveries = 0;

  template <class F>
  bool wait_for(F&& done) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), done);
  }
  bool wait_for_text(std::string_view expected) {
    return wait_for([&] { return text == expected; });
  }
};

class FakeSink final : public Sink {
 public:
  explicit FakeSink(std::shared_ptr<Script> script) : script_(std::move(script)) {}

  bool wants_status() const override { return script_->status; }
  std::string target() const override { return "nowhere"; }
  std::string mark() const override { return script_->mark; }
  Interrupt::Clock::time_point due() const override {
    std::lock_guard lock(script_->mutex);
    return script_->due;
  }
  void resume(std::string_view mark) override { script_->resumed = mark; }
  Result<void> configure(const Configuration& configuration) override {
    std::lock_guard lock(script_->mutex);
    if (script_->refuse) return failure("fake", "refused");
    script_->path = configuration.flags.text("logger_path");
    script_->changed.notify_all();
    return {};
  }
  Taken deliver(std::span<const LogDelivery> records, const Interrupt&) override {
    std::unique_lock lock(script_->mutex);
    script_->changed.wait(lock, [&] { return !script_->hang; });
    if (script_->throws) throw std::runtime_error("thrown");
    ++script_->deliveries;
    script_->changed.notify_all();
    if (script_->fail > 0) {
      --script_->fail;
      if (script_->delay.count() > 0) script_->due = Interrupt::Clock::now() + script_->delay;
      return {0, Error{0, "fake", "broken"}};
    }
    for (const auto& one : records) script_->text += one.record.text;
    script_->mark = std::to_string(script_->text.size());
    return {records.size(), std::nullopt};
  }

 private:
  std::shared_ptr<Script> script_;
};

class SinkRunnersTest : public testing::Test {
 protected:
  SinkRunnersTest() { status.set_levels({.to_stderr = false}); }

  void start(const std::vector<std::string>& names) {
    SinkRunners::Sinks sinks;
    for (const auto& name : names) {
      scripts.try_emplace(name, std::make_shared<Script>());
      sinks.emplace_back(name, std::make_unique<FakeSink>(scripts[name]));
    }
    ASSERT_TRUE(runners.start(std::move(sinks), std::make_shared<Configuration>()));
  }
  void commit(std::string text, LineKind kind = LineKind::result) {
    ASSERT_TRUE(buffer->commit({}, {{.kind = kind, .query = "q", .text = std::move(text), .lines = 1}}));
  }
  SinkReport report(std::string_view name) const {
    for (auto& one : runners.list())
      if (one.name == name) return one;
    return {};
  }
  template <class F>
  static bool eventually(F&& done) {
    for (int i = 0; i < 4000; ++i) {
      if (done()) return true;
      std::this_thread::sleep_for(milliseconds(5));
    }
    return false;
  }

  std::map<std::string, std::shared_ptr<Script>> scripts;
  std::unique_ptr<store::Store> store = store::memory_store();
  Program program;
  StatusLog status;
  Losses losses{*store};
  std::unique_ptr<LogBuffer> buffer = *open_log_buffer(*store, losses, status, {.cap_bytes = 0, .cap_lines = 100});
  SinkRunners runners{*buffer,
                      {program, status, losses, [] { return std::string(); }},
                      {.first = milliseconds(1), .longest = milliseconds(4)}};
};

TEST_F(SinkRunnersTest, DeliversAndReports) {
  start({"a"});
  commit("one\n");
  EXPECT_TRUE(scripts["a"]->wait_for_text("one\n"));
  EXPECT_TRUE(eventually([&] { return report("a").delivered_lines == 1; }));
  EXPECT_TRUE(eventually([&] { return report("a").state == SinkState::idle; }));
  const auto one = report("a");
  EXPECT_EQ(one.target, "nowhere");
  EXPECT_EQ(one.delivered_bytes, 4U);
  EXPECT_EQ(one.backlog.lines, 0U);
  EXPECT_GT(one.last_success, 0);
  EXPECT_EQ(one.failures, 0U);
  EXPECT_EQ(buffer->mark("a"), "4");
}

TEST_F(SinkRunnersTest, ASinkGetsItsMarkBack) {
  ASSERT_TRUE(buffer->set_sinks({"a"}));
  ASSERT_TRUE(buffer->acknowledge("a", {}, "here"));
  start({"a"});
  EXPECT_EQ(scripts["a"]->resumed, "here");
}

TEST_F(SinkRunnersTest, AFailureIsTriedAgainAndToldOnceAndItsEndToo) {
  std::mutex mutex;
  std::vector<std::string> told;
  status.set_receiver([&](const protocol::StatusLine& line) {
    std::lock_guard lock(mutex);
    told.push_back(line.message);
  });
  scripts["a"] = std::make_shared<Script>();
  scripts["a"]->fail = 5;
  start({"a"});
  commit("one\n");
  EXPECT_TRUE(scripts["a"]->wait_for_text("one\n"));
  EXPECT_TRUE(eventually([&] { return report("a").state == SinkState::idle; }));
  EXPECT_EQ(report("a").failures, 5U);
  EXPECT_EQ(report("a").last_error, "fake: broken");
  EXPECT_EQ(report("a").delay, milliseconds(0));
  EXPECT_TRUE(runners.stop());
  EXPECT_THAT(told, ElementsAre(HasSubstr("fake: broken"), HasSubstr("after 5 failures")));
  status.set_receiver(nullptr);
}

TEST_F(SinkRunnersTest, LinesGatherUntilTheSinkIsDueOrTheAgentStops) {
  scripts["a"] = std::make_shared<Script>();
  scripts["a"]->due = Interrupt::Clock::now() + std::chrono::hours(1);
  start({"a"});
  commit("one\n");
  commit("two\n");
  EXPECT_EQ(report("a").state, SinkState::idle);
  EXPECT_EQ(report("a").backlog.lines, 2U);
  EXPECT_TRUE(runners.stop());
  EXPECT_EQ(scripts["a"]->text, "one\ntwo\n");
  EXPECT_EQ(scripts["a"]->deliveries, 1);
}

TEST_F(SinkRunnersTest, TheSinksOwnDelayAfterAFailureHolds) {
  scripts["a"] = std::make_shared<Script>();
  scripts["a"]->fail = INT_MAX;
  scripts["a"]->delay = std::chrono::hours(1);
  start({"a"});
  commit("one\n");
  EXPECT_TRUE(eventually([&] { return report("a").state == SinkState::delayed; }));
  EXPECT_GT(report("a").delay, std::chrono::minutes(59));
  EXPECT_EQ(report("a").failures, 1U);
}

TEST_F(SinkRunnersTest, ADeadAThrowingAndAHangingSinkHoldUpNoOther) {
  for (const auto* const name : {"dead", "hangs", "throws"}) scripts[name] = std::make_shared<Script>();
  scripts["dead"]->fail = INT_MAX;
  scripts["hangs"]->hang = true;
  scripts["throws"]->throws = true;
  start({"dead", "hangs", "throws", "well"});
  std::string all;
  for (int i = 0; i < 1000; ++i) {
    const auto line = std::to_string(i) + '\n';
    commit(line);
    all += line;
    // The cap is on what the slowest has not taken; the one that is well is not to be outrun by this test.
    ASSERT_TRUE(i % 50 != 49 || scripts["well"]->wait_for_text(all));
  }
  EXPECT_TRUE(scripts["well"]->wait_for_text(all));
  EXPECT_TRUE(eventually([&] { return report("well").backlog.lines == 0; }));
  EXPECT_EQ(report("well").backlog.shed_lines, 0U);
  EXPECT_EQ(report("hangs").state, SinkState::delivering);
  EXPECT_THAT(report("throws").last_error, HasSubstr("thrown"));
  for (const auto* const name : {"dead", "hangs", "throws"}) {
    EXPECT_EQ(report(name).backlog.lines, 100U) << name;
    EXPECT_EQ(report(name).backlog.shed_lines, 900U) << name;
  }
  for (const auto& loss : losses.list()) EXPECT_EQ(loss.lost, 900U) << loss.source;
  EXPECT_EQ(losses.list().size(), 3U);
  {
    std::lock_guard lock(scripts["hangs"]->mutex);
    scripts["hangs"]->hang = false;
    scripts["hangs"]->changed.notify_all();
  }
}

TEST_F(SinkRunnersTest, StopDeliversWhatIsQueued) {
  scripts["a"] = std::make_shared<Script>();
  scripts["a"]->hang = true;
  start({"a"});
  for (int i = 0; i < 50; ++i) commit("x\n");
  std::jthread later([&] {
    std::this_thread::sleep_for(milliseconds(20));
    std::lock_guard lock(scripts["a"]->mutex);
    scripts["a"]->hang = false;
    scripts["a"]->changed.notify_all();
  });
  EXPECT_TRUE(runners.stop(std::chrono::seconds(20)));
  EXPECT_EQ(scripts["a"]->text.size(), 100U);
  EXPECT_EQ(buffer->backlog("a").lines, 0U);
}

TEST_F(SinkRunnersTest, StopLeavesBehindWhatHangs) {
  scripts["a"] = std::make_shared<Script>();
  scripts["a"]->hang = true;
  start({"a", "b"});
  commit("one\n");
  EXPECT_TRUE(eventually([&] { return report("a").state == SinkState::delivering; }));
  EXPECT_TRUE(scripts["b"]->wait_for_text("one\n"));
  EXPECT_FALSE(runners.stop(milliseconds(50)));
  EXPECT_THAT(runners.list(), IsEmpty());
  // So that the thread is gone before what it stands on; the agent ends its process instead.
  {
    std::lock_guard lock(scripts["a"]->mutex);
    scripts["a"]->hang = false;
    scripts["a"]->changed.notify_all();
  }
  EXPECT_TRUE(eventually([&] { return buffer->backlog("a").lines == 0; }));
  EXPECT_TRUE(eventually([&] { return scripts["a"].use_count() == 1; }));
}

TEST_F(SinkRunnersTest, ANewConfigurationReachesTheSinkAndEndsItsWait) {
  scripts["a"] = std::make_shared<Script>();
  scripts["a"]->refuse = true;
  start({"a"});
  commit("one\n");
  EXPECT_TRUE(eventually([&] { return report("a").failures > 0; }));
  EXPECT_THAT(report("a").last_error, HasSubstr("refused"));
  EXPECT_EQ(scripts["a"]->text, "");
  {
    std::lock_guard lock(scripts["a"]->mutex);
    scripts["a"]->refuse = false;
  }
  auto next = std::make_shared<Configuration>();
  next->flags.set("logger_path", "/elsewhere");
  runners.configure(next);
  EXPECT_TRUE(scripts["a"]->wait_for_text("one\n"));
  EXPECT_EQ(scripts["a"]->path, "/elsewhere");
}

TEST_F(SinkRunnersTest, StatusLinesGoOnlyToThoseWhoWantThem) {
  scripts["b"] = std::make_shared<Script>();
  scripts["b"]->status = false;
  start({"a", "b"});
  commit("status", LineKind::status);
  commit("one\n");
  commit("status", LineKind::status);
  EXPECT_TRUE(scripts["a"]->wait_for_text("statusone\nstatus"));
  EXPECT_TRUE(eventually([&] { return report("b").backlog.lines == 0; }));
  EXPECT_EQ(scripts["b"]->text, "one\n");
}

TEST(SinksOf, SplitsTheFlag) {
  Configuration configuration;
  EXPECT_THAT(sinks_of(configuration), ElementsAre("filesystem"));
  configuration.flags.set("logger_plugin", "stdout, syslog,,stdout");
  EXPECT_THAT(sinks_of(configuration), ElementsAre("stdout", "syslog"));
}

TEST_F(SinkRunnersTest, AnUnknownNameIsAnErrorWithTheNearestRightOne) {
  auto configuration = std::make_shared<Configuration>();
  configuration->flags.set("logger_plugin", "stdout,filesytem");
  const auto started = runners.start(configuration);
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().text(), HasSubstr("did you mean filesystem?"));
}

}  // namespace
}  // namespace osprey::agent
