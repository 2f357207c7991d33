#include "events/capture/pressure.h"

#include <gtest/gtest.h>

#include "base/temporary_tree.h"

namespace osprey::events {
namespace {

using namespace std::chrono_literals;

class PressureTest : public testing::Test {
 protected:
  static PressureOptions options() {
    return {.cpu_percent = 20,
            .stall_percent = 60,
            .order = {{.name = "process_exit_events", .kind = kKind<ExitEvent>},
                      {.name = "file_access_events", .kind = kKind<FileEvent>, .accesses = true}}};
  }
  // Readings of so many seconds.
  void pass(int seconds, double cpu, std::optional<double> stall = {}) {
    for (int i = 0; i < seconds; ++i) {
      now_ += 1s;
      pressure_.read(now_, {cpu, stall});
    }
  }
  bool drops(FileAction action) {
    FileEvent event;
    event.action = action;
    return pressure_.drops(&event);
  }
  Demand asked() {
    Demand demand;
    demand.kinds.set(kKind<ExitEvent>).set(kKind<FileEvent>).set(kKind<ProcessEvent>);
    demand.watched.push_back({.name = "etc", .patterns = {}, .excluded = {}, .accesses = true});
    return pressure_.relieved(demand);
  }

  Pressure::Clock::time_point now_;
  Pressure pressure_{options()};
};

// EVT-25, EVT-43
TEST_F(PressureTest, RulesAreGivenUpInOrderFirstCountedThenUnasked) {
  pass(3, 25);
  EXPECT_EQ(pressure_.shed(), "") << "three seconds are not over";
  pass(1, 25);
  EXPECT_EQ(pressure_.shed(), "process_exit_events");
  ExitEvent exit;
  EXPECT_TRUE(pressure_.drops(&exit));
  EXPECT_TRUE(pressure_.is_counted(kKind<ExitEvent>));
  EXPECT_TRUE(asked().kinds.test(kKind<ExitEvent>)) << "its events come and are counted";
  pass(3, 25);
  EXPECT_FALSE(asked().kinds.test(kKind<ExitEvent>));
  EXPECT_FALSE(pressure_.is_counted(kKind<ExitEvent>));
  pass(3, 25);
  EXPECT_EQ(pressure_.shed(), "process_exit_events, file_access_events");
  EXPECT_TRUE(drops(FileAction::opened));
  EXPECT_FALSE(drops(FileAction::created));
  EXPECT_TRUE(asked().watched[0].accesses);
  pass(30, 25);
  EXPECT_FALSE(asked().watched[0].accesses);
  EXPECT_TRUE(asked().kinds.test(kKind<FileEvent>));
  ProcessEvent exec;
  EXPECT_FALSE(pressure_.drops(&exec)) << "what the order does not name";
}

TEST_F(PressureTest, WhatWasGivenUpIsTakenUpOnceItIsCalm) {
  pass(7, 25);
  EXPECT_FALSE(asked().kinds.test(kKind<ExitEvent>));
  pass(100, 15);
  EXPECT_FALSE(asked().kinds.test(kKind<ExitEvent>)) << "between half of the budget and all of it, nothing changes";
  pass(31, 5);
  EXPECT_TRUE(asked().kinds.test(kKind<ExitEvent>));
  EXPECT_EQ(pressure_.shed(), "process_exit_events");
  pass(30, 5);
  EXPECT_EQ(pressure_.shed(), "");
  pass(2, 25);
  pass(1, 15);
  pass(3, 25);
  EXPECT_EQ(pressure_.shed(), "") << "a short rise is none";
}

TEST_F(PressureTest, AHostThatWaitsCountsWhereTheCaptureHasAShareInIt) {
  pass(100, 1, 99);
  EXPECT_EQ(pressure_.shed(), "");
  pass(4, 6, 99);
  EXPECT_EQ(pressure_.shed(), "process_exit_events");
  EXPECT_EQ(pressure_.why(), "the capture uses 6 % of a core of 20 %, programs wait 99 % of the time");
}

TEST_F(PressureTest, WithoutABudgetNothingIsGivenUp) {
  auto others = options();
  others.cpu_percent = 0;
  pass(4, 25);
  pressure_.set(others);
  EXPECT_EQ(pressure_.shed(), "");
  pass(100, 100, 100);
  EXPECT_EQ(pressure_.shed(), "");
}

TEST_F(PressureTest, ANewBudgetKeepsWhatIsGivenUpANewOrderDoesNot) {
  pass(4, 25);
  auto others = options();
  others.cpu_percent = 30;
  pressure_.set(others);
  EXPECT_EQ(pressure_.shed(), "process_exit_events");
  others.order.pop_back();
  pressure_.set(others);
  EXPECT_EQ(pressure_.shed(), "");
}

TEST(Stall, OfPsi) {
  EXPECT_EQ(parse_stall("some avg10=12.50 avg60=1.00 avg300=0.00 total=5\nfull avg10=3.00 avg60=0 avg300=0 total=1\n"),
            12.5);
  EXPECT_EQ(parse_stall(""), std::nullopt);
  EXPECT_EQ(parse_stall("full avg10=3.00\n"), std::nullopt);
  EXPECT_EQ(parse_stall("some avg10=x\n"), std::nullopt);
}

using PressureGaugeTest = TemporaryTree;

TEST_F(PressureGaugeTest, TheWorseOfTheHostAndTheGroup) {
  write("proc/pressure/cpu", "some avg10=10.00 avg60=0.00 avg300=0.00 total=1\n");
  write("proc/self/cgroup", "1:cpu:/x\n0::/system.slice/osprey.service\n");
  write("sys/fs/cgroup/system.slice/osprey.service/cpu.pressure", "some avg10=30.00 avg60=0.00 avg300=0.00 total=1\n");
  PressureGauge gauge(root());
  const auto reading = gauge.read(Pressure::Clock::now());
  EXPECT_EQ(reading.stall_percent, 30);
  EXPECT_EQ(reading.cpu_percent, 0) << "there is nothing before to compare with";
  // Work until the thread's clock has gone on.
  const auto then = Pressure::Clock::now();
  while (gauge.read(then + 1s).cpu_percent <= 0) continue;
}

}  // namespace
}  // namespace osprey::events
