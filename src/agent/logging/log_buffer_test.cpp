// LOG-05, LOG-07, LOG-08, EVT-38: several sinks at once, each with its own place; caps; what is shed is counted.
#include "agent/logging/log_buffer.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <thread>

#include "store/failing_store.h"
#include "store/memory_store.h"

namespace osprey::agent {
namespace {

using std::chrono::milliseconds;
using store::Batch;
using store::Family;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::size_t kMuch = 1 << 20;

LineRecord lines(const std::string& text) {
  return {.kind = LineKind::result,
          .query = "q",
          .text = text,
          .lines = static_cast<std::uint32_t>(std::ranges::count(text, '\n'))};
}

// A line of the size given, hard to compress.
std::string noise(std::size_t size, unsigned seed) {
  std::minstd_rand random(seed);
  std::string text;
  while (text.size() + 1 < size) text += static_cast<char>('!' + random() % 90);
  return text + '\n';
}

struct Queue {
  explicit Queue(std::shared_ptr<store::Store> on = store::memory_store(), LogBufferOptions options = {})
      : store(std::move(on)), losses(*store) {
    status.set_levels({.to_stderr = false});
    auto opened = open_log_buffer(*store, losses, status, options);
    EXPECT_TRUE(opened) << opened.error().text();
    buffer = *std::move(opened);
  }

  std::vector<LogDelivery> take(const std::string& sink = "a", std::size_t most = kMuch) {
    auto taken = buffer->take(sink, most, milliseconds(0));
    EXPECT_TRUE(taken) << taken.error().text();
    return *std::move(taken);
  }
  std::string text(const std::string& sink = "a") {
    std::string all;
    for (const auto& one : take(sink)) all += one.record.text;
    return all;
  }
  void acknowledge_all(const std::string& sink) {
    for (auto taken = take(sink); !taken.empty(); taken = take(sink))
      ASSERT_TRUE(buffer->acknowledge(sink, taken.back().next));
  }
  std::uint64_t lost(const std::string& sink, const std::string& reason = "cap") const {
    for (const auto& loss : losses.list())
      if (loss.source == sink && loss.reason == reason) return loss.lost;
    return 0;
  }
  std::size_t keys() const {
    std::size_t count = 0;
    for (const auto cursor = store->cursor(Family::lines, "", ""); cursor->valid(); cursor->next()) ++count;
    return count;
  }

  std::shared_ptr<store::Store> store;
  Losses losses;
  StatusLog status;
  std::unique_ptr<LogBuffer> buffer;
};

TEST(LogBuffer, EverySinkTakesFromItsOwnPlace) {
  Queue queue;
  ASSERT_TRUE(queue.buffer->set_sinks({"a", "b"}));
  Batch state;
  state.put(Family::queries, "q", "rows");
  ASSERT_TRUE(queue.buffer->commit(state, {lines("1\n"), lines("2\n")}));
  EXPECT_EQ(*queue.store->get(Family::queries, "q"), "rows");

  const auto taken = queue.take("a");
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_EQ(taken[0].record.text, "1\n");
  EXPECT_EQ(taken[0].record.query, "q");
  ASSERT_TRUE(queue.buffer->acknowledge("a", taken[0].next));
  EXPECT_EQ(queue.text("a"), "2\n");
  EXPECT_EQ(queue.text("b"), "1\n2\n");
  EXPECT_EQ(queue.buffer->backlog("a").lines, 1U);
  EXPECT_EQ(queue.buffer->backlog("b").lines, 2U);
  EXPECT_GT(queue.buffer->backlog("b").oldest, 0);
}

TEST(LogBuffer, WhatAllHaveTakenIsErased) {
  Queue queue;
  ASSERT_TRUE(queue.buffer->set_sinks({"a", "b"}));
  const auto empty = queue.keys();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(queue.buffer->commit({}, {lines("x\n")}));
  queue.acknowledge_all("a");
  EXPECT_GE(queue.keys(), 100U);
  queue.acknowledge_all("b");
  EXPECT_EQ(queue.keys(), empty + 1);  // and the tail
  EXPECT_EQ(queue.buffer->backlog("b").records, 0U);
}

TEST(LogBuffer, WithoutSinksOnlyStateIsWritten) {
  Queue queue;
  Batch state;
  state.put(Family::queries, "q", "rows");
  auto stage = queue.buffer->stage();
  ASSERT_TRUE(stage->add(StagedLines::Part::first, lines("x\n")));
  ASSERT_TRUE(queue.buffer->commit(state, {lines("x\n")}));
  ASSERT_TRUE(queue.buffer->commit(state, std::move(stage)));
  EXPECT_EQ(*queue.store->get(Family::queries, "q"), "rows");
  EXPECT_EQ(queue.keys(), 0U);
}

TEST(LogBuffer, ANewSinkBeginsWithWhatComesNextAndADroppedOneLetsGo) {
  Queue queue;
  ASSERT_TRUE(queue.buffer->set_sinks({"a", "b"}));
  ASSERT_TRUE(queue.buffer->commit({}, {lines("1\n")}));
  queue.acknowledge_all("a");
  ASSERT_TRUE(queue.buffer->set_sinks({"a", "c"}));
  ASSERT_TRUE(queue.buffer->commit({}, {lines("2\n")}));
  EXPECT_EQ(queue.text("c"), "2\n");
  EXPECT_FALSE(queue.buffer->take("b", kMuch, milliseconds(0)));
  queue.acknowledge_all("a");
  queue.acknowledge_all("c");
  EXPECT_EQ(queue.keys(), 3U);  // two cursors and the tail
}

TEST(LogBuffer, PlacesMarksAndBacklogsSurviveARestart) {
  Queue before;
  ASSERT_TRUE(before.buffer->set_sinks({"a", "b"}));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(before.buffer->commit({}, {lines(fmt::format("{}\n", i))}));
  const auto taken = before.take("a");
  ASSERT_TRUE(before.buffer->acknowledge("a", taken[2].next, "mark"));

  Queue after(before.store);
  ASSERT_TRUE(after.buffer->set_sinks({"a", "b"}));
  EXPECT_EQ(after.text("a"), "3\n4\n");
  EXPECT_EQ(after.text("b"), "0\n1\n2\n3\n4\n");
  EXPECT_EQ(after.buffer->mark("a"), "mark");
  EXPECT_EQ(after.buffer->backlog("a").lines, 2U);
  EXPECT_EQ(after.buffer->backlog("b").lines, 5U);
  EXPECT_EQ(after.buffer->backlog("b").bytes, before.buffer->backlog("b").bytes);
  ASSERT_TRUE(after.buffer->commit({}, {lines("5\n")}));
  EXPECT_EQ(after.text("a"), "3\n4\n5\n");
}

TEST(LogBuffer, AMarkIsKeptThoughNothingWasTaken) {
  Queue queue;
  ASSERT_TRUE(queue.buffer->set_sinks({"a"}));
  ASSERT_TRUE(queue.buffer->commit({}, {lines("1\n")}));
  ASSERT_TRUE(queue.buffer->acknowledge("a", {}, "mark"));
  EXPECT_EQ(Queue(queue.store).buffer->mark("a"), "mark");
  EXPECT_EQ(queue.text("a"), "1\n");
}

TEST(LogBuffer, TakesNoMoreThanAskedForButOneRecordAtLeast) {
  Queue queue;
  ASSERT_TRUE(queue.buffer->set_sinks({"a"}));
  ASSERT_TRUE(queue.buffer->commit({}, {lines("1234\n"), lines("1234\n"), lines("1234\n")}));
  EXPECT_EQ(queue.take("a", 1).size(), 1U);
  EXPECT_EQ(queue.take("a", 10).size(), 2U);
  EXPECT_EQ(queue.take("a", 14).size(), 2U);
  EXPECT_EQ(queue.take("a", 15).size(), 3U);
}

TEST(LogBuffer, LongTextIsCompressed) {
  Queue queue;
  ASSERT_TRUE(queue.buffer->set_sinks({"a"}));
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "the same line again and again\n";
  ASSERT_TRUE(queue.buffer->commit({}, {lines(text)}));
  EXPECT_LT(queue.buffer->backlog("a").bytes, text.size() / 10);
  EXPECT_EQ(queue.text("a"), text);
}

TEST(LogBuffer, TakeWaitsForACommitAndStopEndsAllWaiting) {
  Queue queue;
  ASSERT_TRUE(queue.buffer->set_sinks({"a"}));
  std::string got;
  bool stopped_empty = false;
  std::jthread sink([&] {
    const auto taken = *queue.buffer->take("a", kMuch, std::chrono::hours(1));
    got = taken.at(0).record.text;
    (void)queue.buffer->acknowledge("a", taken.back().next);
    stopped_empty = queue.buffer->take("a", kMuch, std::chrono::hours(1))->empty();
  });
  ASSERT_TRUE(queue.buffer->commit({}, {lines("1\n")}));
  queue.buffer->stop();
  sink.join();
  EXPECT_EQ(got, "1\n");
  EXPECT_TRUE(stopped_empty);
}

TEST(LogBuffer, StagedRunsAppearAtOnceRemovedLinesFirst) {
  Queue queue;
  ASSERT_TRUE(queue.buffer->set_sinks({"a"}));
  ASSERT_TRUE(queue.buffer->commit({}, {lines("before\n")}));
  auto stage = queue.buffer->stage();
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(stage->add(StagedLines::Part::second, lines(fmt::format("added {}\n", i))));
    ASSERT_TRUE(stage->add(StagedLines::Part::first, lines(fmt::format("removed {}\n", i))));
  }
  ASSERT_TRUE(queue.buffer->commit({}, {lines("meanwhile\n")}));
  EXPECT_EQ(queue.text(), "before\nmeanwhile\n");
  Batch state;
  state.put(Family::queries, "q", "rows");
  ASSERT_TRUE(queue.buffer->commit(state, std::move(stage)));
  ASSERT_TRUE(queue.buffer->commit({}, {lines("after\n")}));

  std::string expected = "before\nmeanwhile\n";
  for (int i = 0; i < 50; ++i) expected += fmt::format("removed {}\n", i);
  for (int i = 0; i < 50; ++i) expected += fmt::format("added {}\n", i);
  expected += "after\n";
  EXPECT_EQ(queue.text(), expected);
  EXPECT_EQ(queue.buffer->backlog("a").lines, 103U);

  // In the middle of the run, and after a restart.
  const auto taken = queue.take("a", 600);
  ASSERT_TRUE(queue.buffer->acknowledge("a", taken.back().next));
  std::string rest;
  for (const auto& one : taken) rest += one.record.text;
  Queue again(queue.store);
  ASSERT_TRUE(expected.starts_with(rest));
  EXPECT_EQ(again.text(), expected.substr(rest.size()));
  EXPECT_EQ(again.buffer->backlog("a").lines + taken.size(), 103U);
  again.acknowledge_all("a");
  EXPECT_EQ(again.keys(), 2U);
  EXPECT_EQ(again.buffer->backlog("a").bytes, 0U);
}

TEST(LogBuffer, AStageThatIsDroppedLeavesNothing) {
  Queue queue;
  ASSERT_TRUE(queue.buffer->set_sinks({"a"}));
  ASSERT_TRUE(queue.buffer->commit({}, {lines("1\n")}));
  const auto keys = queue.keys();
  {
    const auto stage = queue.buffer->stage();
    ASSERT_TRUE(stage->add(StagedLines::Part::first, lines("x\n")));
  }
  // One that died with its process:
  auto stage = queue.buffer->stage();
  ASSERT_TRUE(stage->add(StagedLines::Part::second, lines("x\n")));
  EXPECT_GT(queue.keys(), keys);
  Queue again(queue.store);
  EXPECT_EQ(again.keys(), keys);
  EXPECT_EQ(again.text(), "1\n");
}

TEST(LogBuffer, ADeadSinksBacklogIsShedAtTheCapAndCountedExactly) {
  Queue queue(store::memory_store(), {.cap_bytes = 100'000, .cap_lines = 0});
  ASSERT_TRUE(queue.buffer->set_sinks({"dead", "well"}));
  std::uint64_t well = 0;
  for (unsigned i = 0; i < 1000; ++i) {
    ASSERT_TRUE(queue.buffer->commit({}, {lines(noise(1000, i))}));
    well += queue.take("well").size();
    queue.acknowledge_all("well");
    EXPECT_LE(queue.buffer->backlog("dead").bytes, 100'000U);
  }
  EXPECT_EQ(well, 1000U);
  EXPECT_EQ(queue.lost("well"), 0U);
  const auto backlog = queue.buffer->backlog("dead");
  EXPECT_GT(backlog.lines, 80U);
  EXPECT_EQ(queue.lost("dead") + backlog.lines, 1000U);
  EXPECT_EQ(backlog.shed_lines, queue.lost("dead"));
  EXPECT_EQ(queue.take("dead")[0].record.text, noise(1000, static_cast<unsigned>(1000 - backlog.lines)));
  // The counts survive.
  EXPECT_EQ(Queue(queue.store).lost("dead"), queue.lost("dead"));
}

TEST(LogBuffer, TheCapOnLines) {
  Queue queue(store::memory_store(), {.cap_bytes = 0, .cap_lines = 10});
  ASSERT_TRUE(queue.buffer->set_sinks({"a"}));
  for (int i = 0; i < 25; ++i) ASSERT_TRUE(queue.buffer->commit({}, {lines(fmt::format("{}\n", i))}));
  EXPECT_EQ(queue.text(), "15\n16\n17\n18\n19\n20\n21\n22\n23\n24\n");
  EXPECT_EQ(queue.lost("a"), 15U);
  // One commit that alone is too large goes without its oldest records.
  std::vector<LineRecord> many;
  for (int i = 0; i < 25; ++i) many.push_back(lines(fmt::format("{}\n", 100 + i)));
  ASSERT_TRUE(queue.buffer->commit({}, std::move(many)));
  EXPECT_EQ(queue.take().front().record.text, "115\n");
  EXPECT_EQ(queue.lost("a"), 40U);
}

TEST(LogBuffer, ARunLargerThanTheCapGoesWithoutItsOldestRecords) {
  Queue queue(store::memory_store(), {.cap_bytes = 0, .cap_lines = 10});
  ASSERT_TRUE(queue.buffer->set_sinks({"a"}));
  ASSERT_TRUE(queue.buffer->commit({}, {lines("old\n")}));
  auto stage = queue.buffer->stage();
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(stage->add(StagedLines::Part::first, lines(fmt::format("removed {}\n", i))));
    ASSERT_TRUE(stage->add(StagedLines::Part::second, lines(fmt::format("added {}\n", i))));
  }
  ASSERT_TRUE(queue.buffer->commit({}, std::move(stage)));
  EXPECT_EQ(queue.text(),
            "removed 6\nremoved 7\nadded 0\nadded 1\nadded 2\nadded 3\nadded 4\nadded 5\nadded 6\nadded 7\n");
  EXPECT_EQ(queue.lost("a"), 7U);
  queue.acknowledge_all("a");
  EXPECT_EQ(queue.keys(), 2U);
}

TEST(LogBuffer, ALineInPartsIsShedWhole) {
  Queue queue(store::memory_store(), {.cap_bytes = 0, .cap_lines = 2});
  ASSERT_TRUE(queue.buffer->set_sinks({"a"}));
  const auto in_parts = [](const std::string& text) {
    std::vector<LineRecord> parts;
    for (std::size_t i = 0; i < text.size(); ++i) {
      parts.push_back(lines(text.substr(i, 1)));
      parts.back().continues = i > 0;
      parts.back().goes_on = i + 1 < text.size();
    }
    return parts;
  };
  ASSERT_TRUE(queue.buffer->commit({}, in_parts("abc\n")));
  const auto taken = queue.take("a", 2);  // in the middle of the line when it goes
  ASSERT_TRUE(queue.buffer->acknowledge("a", taken.back().next));
  ASSERT_TRUE(queue.buffer->commit({}, in_parts("def\n")));
  ASSERT_TRUE(queue.buffer->commit({}, in_parts("ghi\n")));
  EXPECT_EQ(queue.text(), "def\nghi\n");
  EXPECT_EQ(queue.lost("a"), 1U);
  // A stage that keeps none of a line's beginning keeps nothing of it.
  auto stage = queue.buffer->stage();
  for (const auto* const line : {"1\n", "2\n", "three\n", "four\n"})
    for (auto& part : in_parts(line)) ASSERT_TRUE(stage->add(StagedLines::Part::second, std::move(part)));
  ASSERT_TRUE(queue.buffer->commit({}, std::move(stage)));
  EXPECT_EQ(queue.text(), "three\nfour\n");
}

TEST(LogBuffer, ALineMayCrossTheParts) {
  const auto stage_line = [](Queue& queue) {
    auto stage = queue.buffer->stage();
    const auto add = [&](StagedLines::Part part, std::string text, bool continues, bool goes_on) {
      auto record = lines(text);
      record.continues = continues;
      record.goes_on = goes_on;
      ASSERT_TRUE(stage->add(part, std::move(record)));
    };
    add(StagedLines::Part::first, "{removed", false, true);
    for (int i = 0; i < 20; ++i) add(StagedLines::Part::second, noise(500, 1).substr(0, 499), true, true);
    add(StagedLines::Part::first, ":[]", true, true);
    add(StagedLines::Part::second, "}\n", true, false);
    ASSERT_TRUE(queue.buffer->commit({}, std::move(stage)));
  };
  Queue queue;
  ASSERT_TRUE(queue.buffer->set_sinks({"a"}));
  stage_line(queue);
  EXPECT_THAT(queue.text(), ::testing::StartsWith("{removed:[]"));
  EXPECT_EQ(queue.text().size(), 11u + 20 * 499 + 2);
  // Where it is too long, all of it goes and is counted.
  Queue small(store::memory_store(), {.cap_bytes = 4000, .cap_lines = 0});
  ASSERT_TRUE(small.buffer->set_sinks({"a"}));
  stage_line(small);
  EXPECT_EQ(small.text(), "");
  EXPECT_EQ(small.lost("a"), 1U);
}

TEST(LogBuffer, WhatIsShedIsToldOnceAndNotForEveryLine) {
  Queue queue(store::memory_store(), {.cap_bytes = 0, .cap_lines = 1});
  ASSERT_TRUE(queue.buffer->set_sinks({"a"}));
  std::vector<std::string> told;
  queue.status.set_receiver([&](const protocol::StatusLine& line) { told.push_back(line.message); });
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(queue.buffer->commit({}, {lines("x\n")}));
  EXPECT_THAT(told, ElementsAre(HasSubstr("a 1")));
}

TEST(LogBuffer, StatusLinesAreQueuedAndComeBackNoSecondTime) {
  bool full = false;
  auto store = std::shared_ptr(store::failing_store(
      store::memory_store(), [&](store::FaultPoint) { return full ? store::Fault::failure : store::Fault::none; }));
  Queue queue(store, {.cap_bytes = 0, .cap_lines = 2});
  ASSERT_TRUE(queue.buffer->set_sinks({"a"}));
  queue.status.info("early");
  queue_status_lines(queue.status, *queue.buffer);
  queue.status.warning("late");
  const auto taken = queue.take();
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_EQ(taken[0].record.kind, LineKind::status);
  EXPECT_EQ(protocol::decode_status(taken[1].record.text)->message, "late");
  for (int i = 0; i < 5; ++i) queue.status.info("more than the cap holds");
  full = true;
  queue.status.error("the store fails");
  full = false;
  EXPECT_EQ(queue.buffer->backlog("a").lines, 2U);
  queue.status.set_receiver(nullptr);
}

TEST(LogBuffer, WithoutRoomTheOldestTenthGoesUntilItFits) {
  int refusals = 0;
  auto store = std::shared_ptr(store::failing_store(store::memory_store(), [&](store::FaultPoint at) {
    if (at.after || refusals == 0) return store::Fault::none;
    --refusals;
    return store::Fault::no_space;
  }));
  Queue queue(store);
  ASSERT_TRUE(queue.buffer->set_sinks({"a"}));
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(queue.buffer->commit({}, {lines("0123456789\n")}));
  refusals = 1;
  ASSERT_TRUE(queue.buffer->commit({}, {lines("new\n")}));
  EXPECT_EQ(queue.lost("a", "filesystem full"), 10U);
  EXPECT_EQ(queue.buffer->backlog("a").lines, 91U);
  EXPECT_EQ(Queue(store).lost("a", "filesystem full"), 10U);
}

// Refuses what puts while it is full, as a store does.
class FullStore final : public store::Store {
 public:
  explicit FullStore(std::shared_ptr<store::Store> beneath) : beneath_(std::move(beneath)) {}
  bool full = false;

  Result<std::optional<std::string>> get(Family family, std::string_view key) const override {
    return beneath_->get(family, key);
  }
  std::unique_ptr<store::Cursor> cursor(Family family, std::string_view first, std::string_view last) const override {
    return beneath_->cursor(family, first, last);
  }
  Result<void> write(const Batch& batch) override {
    for (const auto& one : batch.operations())
      if (full && one.kind == Batch::Operation::Kind::put) return system_failure(ENOSPC, "store");
    return beneath_->write(batch);
  }
  Result<void> sync() override { return {}; }
  std::vector<store::FamilyUsage> usage() const override { return {}; }
  std::uint64_t disk_bytes() const override { return 0; }
  store::Pressure pressure() const override { return full ? store::Pressure::cap : store::Pressure::none; }
  void shed_caches() override {}

 private:
  std::shared_ptr<store::Store> beneath_;
};

TEST(LogBuffer, AStoreThatStaysFullIsAnErrorAndIsRecoveredFrom) {
  const auto store = std::make_shared<FullStore>(store::memory_store());
  Queue queue(store);
  ASSERT_TRUE(queue.buffer->set_sinks({"a", "b"}));
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(queue.buffer->commit({}, {lines("x\n")}));
  store->full = true;
  // A sink still gets on.
  const auto taken = queue.take("a", 20);
  ASSERT_TRUE(queue.buffer->acknowledge("a", taken.back().next));
  EXPECT_EQ(queue.buffer->backlog("a").lines, 90U);

  const auto refused = queue.buffer->commit({}, {lines("new\n")});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ENOSPC);
  EXPECT_EQ(queue.lost("a"), 90U);
  EXPECT_EQ(queue.lost("b"), 100U);
  store->full = false;
  ASSERT_TRUE(queue.buffer->commit({}, {lines("newer\n")}));
  EXPECT_EQ(queue.text("a"), "newer\n");
  Queue again(store);
  EXPECT_EQ(again.text("b"), "newer\n");
  EXPECT_EQ(again.lost("a"), 90U);
  EXPECT_EQ(again.lost("b"), 100U);
}

TEST(LogBuffer, ADeathBetweenSheddingAndCountingIsCountedLater) {
  const auto store = std::make_shared<FullStore>(store::memory_store());
  {
    Queue queue(store);
    ASSERT_TRUE(queue.buffer->set_sinks({"a"}));
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(queue.buffer->commit({}, {lines("x\n")}));
    store->full = true;
    EXPECT_FALSE(queue.buffer->commit({}, {lines("new\n")}));
    store->full = false;
  }
  Queue again(store);
  EXPECT_EQ(again.lost("a"), 10U);
  ASSERT_TRUE(again.buffer->commit({}, {lines("newer\n")}));
  EXPECT_EQ(again.text(), "newer\n");
  EXPECT_EQ(Queue(store).lost("a"), 10U);
}

TEST(LogBuffer, DamagedRecordsAreSkippedAndCounted) {
  Queue queue;
  ASSERT_TRUE(queue.buffer->set_sinks({"a"}));
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(queue.buffer->commit({}, {lines(fmt::format("{}\n", i))}));
  Batch damage;
  int number = 0;
  for (const auto cursor = queue.store->cursor(Family::lines, "record.", "record/"); cursor->valid(); cursor->next()) {
    if (number == 0 || number == 2 || number == 3) damage.put(Family::lines, cursor->key(), "nonsense");
    if (number == 5) damage.erase(Family::lines, cursor->key());
    ++number;
  }
  ASSERT_TRUE(queue.store->write(damage));
  std::string all;
  for (auto taken = queue.take(); !taken.empty(); taken = queue.take()) {
    for (const auto& one : taken) all += one.record.text;
    ASSERT_TRUE(queue.buffer->acknowledge("a", taken.back().next));
  }
  EXPECT_EQ(all, "1\n4\n");
  EXPECT_EQ(queue.lost("a", "damaged"), 4U);
  EXPECT_EQ(queue.buffer->backlog("a").lines, 0U);
}

// A model of the world: what was committed must arrive once or more, in order, at every sink, or be counted.
struct Model {
  explicit Model(unsigned seed) : random(seed) {}

  std::minstd_rand random;
  std::map<std::string, std::deque<std::string>> owed;  // committed for certain and not acknowledged for certain
  int next = 0;

  // Does `steps` things, until the store dies.
  void run(Queue& queue, int steps) {
    for (int i = 0; i < steps; ++i) {
      if (random() % 3 == 0)
        deliver(queue, random() % 2 ? "a" : "b");
      else
        commit(queue);
    }
  }

  void commit(Queue& queue) {
    Batch state;
    state.put(Family::queries, "count", std::to_string(next + 1));
    const auto line = fmt::format("line {}\n", next);
    if (random() % 4) {
      EXPECT_TRUE(queue.buffer->commit(state, {lines(line)}));
    } else {
      auto stage = queue.buffer->stage();
      EXPECT_TRUE(stage->add(StagedLines::Part::first, lines(line)));
      EXPECT_TRUE(queue.buffer->commit(state, std::move(stage)));
    }
    committed();
  }
  void committed() {
    for (const auto* const sink : {"a", "b"}) owed[sink].push_back(fmt::format("line {}\n", next));
    ++next;
  }

  void deliver(Queue& queue, const std::string& sink) {
    const auto taken = queue.take(sink, 20);
    auto& due = owed[sink];
    for (std::size_t i = 0; i < taken.size(); ++i) ASSERT_EQ(taken[i].record.text, due.at(i));
    if (taken.empty()) {
      ASSERT_TRUE(due.empty());
      return;
    }
    acknowledging = {sink, taken.size()};
    ASSERT_TRUE(queue.buffer->acknowledge(sink, taken.back().next));
    due.erase(due.begin(), due.begin() + static_cast<std::ptrdiff_t>(taken.size()));
    acknowledging = {};
  }

  // After a death: state says whether the last commit took effect, and lines must agree with it.
  void recover(Queue& queue) {
    const auto count = *queue.store->get(Family::queries, "count");
    if (count && *count == std::to_string(next + 1)) committed();
    if (acknowledging.second > 0) {
      auto& due = owed[acknowledging.first];
      const auto behind = queue.buffer->backlog(acknowledging.first).lines;
      ASSERT_TRUE(behind == due.size() || behind == due.size() - acknowledging.second);
      while (due.size() > behind) due.pop_front();
      acknowledging = {};
    }
  }

  std::pair<std::string, std::size_t> acknowledging;
};

TEST(LogBuffer, DeathAtEveryWriteLosesNothingAndInventsNothing) {
  constexpr int kSteps = 60;
  for (unsigned seed = 1; seed <= 5; ++seed) {
    for (std::uint64_t point = 3;; ++point) {
      Model model(seed);
      std::shared_ptr<store::Store> beneath = store::memory_store();
      bool died = false;
      auto failing =
          std::shared_ptr(store::failing_store(beneath, [&, asked = std::uint64_t{0}](store::FaultPoint) mutable {
            return asked++ == point ? store::Fault::die : store::Fault::none;
          }));
      {
        Queue queue(failing);
        ASSERT_TRUE(queue.buffer->set_sinks({"a", "b"}));
        try {
          model.run(queue, kSteps);
        } catch (const store::Death&) {
          died = true;
        }
      }
      Queue queue(beneath);
      ASSERT_TRUE(queue.buffer->set_sinks({"a", "b"}));
      model.recover(queue);
      model.run(queue, 10);
      for (const auto* const sink : {"a", "b"})
        while (!model.owed[sink].empty() && !testing::Test::HasFailure()) model.deliver(queue, sink);
      EXPECT_EQ(queue.keys(), 3U) << "something is left behind";
      EXPECT_THAT(queue.losses.list(), IsEmpty());
      ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed << " point " << point;
      if (!died) break;
    }
  }
}

TEST(LogBuffer, CommitsOfSeveralThreadsKeepEachItsOrder) {
  Queue queue;
  ASSERT_TRUE(queue.buffer->set_sinks({"a"}));
  constexpr int kEach = 500;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread)
      threads.emplace_back([&, thread] {
        for (int i = 0; i < kEach; ++i)
          EXPECT_TRUE(queue.buffer->commit({}, {lines(fmt::format("{} {}\n", thread, i))}));
      });
  }
  std::array<int, 4> next{};
  for (auto taken = queue.take(); !taken.empty(); taken = queue.take()) {
    for (const auto& one : taken) {
      const auto thread = static_cast<std::size_t>(one.record.text[0] - '0');
      EXPECT_EQ(one.record.text, fmt::format("{} {}\n", thread, next.at(thread)++));
    }
    ASSERT_TRUE(queue.buffer->acknowledge("a", taken.back().next));
  }
  EXPECT_THAT(next, ElementsAre(kEach, kEach, kEach, kEach));
}

}  // namespace
}  // namespace osprey::agent
