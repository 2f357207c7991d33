#include "events/yara/yara_source.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <numeric>

#include "base/temporary_tree.h"

namespace osprey::events {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;

// A row as "path action matches count strings skipped".
class Rows final : public EventSink {
 public:
  void take(AnyEvent event) override {
    const auto& yara = *std::get<YaraEvent*>(event);
    rows.push_back(fmt::format("{} {} {} {} {} {}", yara.path.substr(yara.path.rfind('/') + 1),
                               static_cast<int>(yara.action), yara.matches, yara.count, yara.strings, yara.skipped));
  }
  void forked(const ProcessKey&, const ProcessKey&) override {}
  void exited(const ProcessKey&) override {}

  std::vector<std::string> rows;
};

class YaraSourceTest : public TemporaryTree {
 protected:
  YaraSourceTest() {
    write("rules/mark.yar", "rule mark : tag { strings: $a = \"MARK\" condition: $a }");
    settings_.signatures = {{"marks", {(top / "rules/mark.yar").string()}}};
    settings_.file_paths = {{"watched", {"marks"}}};
    settings_.delay = 0ms;
  }
  YaraSource& source() {
    if (!source_) {
      options_.settle = 20ms;
      source_ = std::make_unique<YaraSource>(options_);
      source_->configure(settings_);
      EXPECT_TRUE(source_->open({}));
    }
    return *source_;
  }
  void saw(std::string_view name, FileAction action = FileAction::created, std::string_view category = "watched") {
    const auto path = (top / name).string();
    FileEvent event;
    event.path = path;
    event.category = category;
    event.action = action;
    source().saw(event);
  }
  // What is told until all that was seen is accounted for.
  std::vector<std::string> told() {
    Rows rows;
    for (int i = 0; i < 500; ++i) {
      pollfd ready{source().descriptor(), POLLIN, 0};
      ::poll(&ready, 1, 20);
      EXPECT_TRUE(source().next(rows, 100));
      if (accounted()) break;
    }
    EXPECT_TRUE(accounted());
    return rows.rows;
  }
  bool accounted() {
    const auto counts = source().counts();
    return *counts.seen == std::accumulate(counts.dropped.begin(), counts.dropped.end(), counts.kept + *counts.filtered,
                                           [](auto sum, const auto& drop) { return sum + drop.count; });
  }
  std::vector<std::string> dropped() {
    std::vector<std::string> all;
    for (const auto& drop : source().counts().dropped)
      all.push_back(fmt::format("{}: {} {}", drop.stage, drop.reason, drop.count));
    return all;
  }

  linux::YaraEngine engine_;
  YaraSource::Options options_{.engine = engine_};
  linux::YaraSettings settings_;
  std::unique_ptr<YaraSource> source_;
};

// EVT-46, SEC-08.
TEST_F(YaraSourceTest, FilesThatChangeAreScanned) {
  write("one", "..MARK");
  write("two", "nothing");
  saw("one");
  saw("two");
  EXPECT_THAT(told(), ElementsAre("one 0 mark 1 $a:2 "));
  write("two", "MARK, too");
  saw("two", FileAction::updated);
  saw("one", FileAction::deleted);
  saw("one", FileAction::opened);
  saw("one", FileAction::created, "of another category");
  EXPECT_THAT(told(), ElementsAre("two 1 mark 1 $a:0 "));
  EXPECT_EQ(source().counts().seen, 3u);
  EXPECT_EQ(source().counts().kept, 2u);
}

TEST_F(YaraSourceTest, ManyChangesAreOneScan) {
  write("one", "MARK");
  std::this_thread::sleep_for(30ms);  // the file's times are past
  for (int i = 0; i < 10; ++i) saw("one", FileAction::updated);
  EXPECT_THAT(told(), ElementsAre("one 1 mark 1 $a:0 "));
  saw("one", FileAction::updated);
  EXPECT_THAT(told(), IsEmpty()) << "it is as it was";
  EXPECT_EQ(source().counts().filtered, 10u);
  write("rules/mark.yar", "rule changed { condition: true }");
  saw("one", FileAction::updated);
  EXPECT_THAT(told(), ElementsAre("one 1 changed 1  ")) << "the rules are not";
}

TEST_F(YaraSourceTest, WhatIsNotScannedIsToldAndCounted) {
  settings_.largest_file = 4;
  write("large", "MARK and more");
  saw("large");
  saw("absent");
  EXPECT_THAT(told(), ElementsAre("large 0  0  13 bytes are more than --read_max, 4"));
  EXPECT_THAT(dropped(), ElementsAre("scan: file gone 1", "scan: not scanned 1"));
}

TEST_F(YaraSourceTest, OsqueryHasRowsOfMatchesOnly) {
  options_.tell_skipped = false;
  settings_.largest_file = 4;
  write("large", "MARK and more");
  saw("large");
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_THAT(dropped(), ElementsAre("scan: not scanned 1"));
}

TEST_F(YaraSourceTest, TheQueueIsBounded) {
  options_.most_queued = 2;
  options_.most_queued_bytes = 4096;
  for (const auto* name : {"a", "b", "c", "d"}) saw(name);
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_THAT(dropped(), ElementsAre("queue: full 2", "scan: file gone 2"));
}

TEST_F(YaraSourceTest, WithoutRulesNothingIsScanned) {
  settings_.file_paths = {{"watched", {"absent", "broken"}}};
  settings_.signatures = {{"broken", {(top / "rules/none.yar").string()}}};
  write("one", "MARK");
  saw("one");
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_THAT(dropped(), ElementsAre("scan: no rules compiled 1"));
}

TEST_F(YaraSourceTest, ClosingEndsAScan) {
  write("rules/mark.yar",
        "rule a { condition: for all i in (1..1000000000) : (for all j in (1..1000000000) : (i + j > 0)) }");
  write("one", "x");
  saw("one");
  std::this_thread::sleep_for(200ms);
  source().close();
  EXPECT_TRUE(accounted());
  EXPECT_TRUE(source().open({})) << "and it may be opened again";
}

}  // namespace
}  // namespace osprey::events
