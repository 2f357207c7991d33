#include "events/audit/reassembly.h"

#include <gtest/gtest.h>
#include <linux/audit.h>

#include <string>
#include <vector>

#include "events/audit/serials.h"

namespace osprey::events::audit {
namespace {

// EVT-01
class Reassembling : public ::testing::Test {
 protected:
  // "7:1300,1309" of what was given, a ! where it was not complete.
  Reassembly make(Reassembly::Limits limits = {}) {
    return Reassembly(
        [this](const RecordGroup& group) {
          std::string text = std::to_string(group.stamp.serial) + ":";
          for (const auto& part : group.parts()) text += std::to_string(part.type) + ",";
          text.back() = group.complete ? '.' : '!';
          given_.push_back(text);
        },
        limits);
  }
  static Record record(std::uint64_t serial, std::uint16_t type, std::int64_t time = 0,
                       std::string_view fields = "x=1") {
    return {.type = type, .stamp = {time, serial}, .fields = fields};
  }
  std::vector<std::string> given_;
};

TEST_F(Reassembling, EventsThatComeMixedAreToldApart) {
  auto reassembly = make();
  for (const auto& one :
       {record(1, AUDIT_SYSCALL), record(2, AUDIT_SYSCALL), record(1, AUDIT_EXECVE), record(2, AUDIT_SOCKADDR),
        record(2, AUDIT_PROCTITLE), record(1, AUDIT_PROCTITLE), record(2, AUDIT_EOE), record(1, AUDIT_EOE)})
    reassembly.add(one);
  EXPECT_EQ(given_, (std::vector<std::string>{"2:1300,1306,1327.", "1:1300,1309,1327."}));
  EXPECT_EQ(reassembly.pending(), 0U);
  EXPECT_EQ(reassembly.counts().unfinished, 0U);
}

TEST_F(Reassembling, KernelsWithoutProctitleEndAnEventByEoe) {
  auto reassembly = make();
  reassembly.add(record(1, AUDIT_SYSCALL));
  EXPECT_TRUE(given_.empty());
  reassembly.add(record(1, AUDIT_EOE));
  EXPECT_EQ(given_, std::vector<std::string>{"1:1300."});
}

TEST_F(Reassembling, WhatProgramsSayIsAnEventByItself) {
  auto reassembly = make();
  reassembly.add(record(1, AUDIT_SYSCALL));
  reassembly.add(record(2, AUDIT_FIRST_USER_MSG));
  EXPECT_EQ(given_, std::vector<std::string>{"2:1100."});
}

TEST_F(Reassembling, AnEventThatDoesNotEndIsGivenAfterItsTime) {
  auto reassembly = make();
  reassembly.add(record(1, AUDIT_SYSCALL, 1000));
  reassembly.add(record(2, AUDIT_AVC, 1000));
  reassembly.add(record(3, AUDIT_SYSCALL, 3000));
  EXPECT_TRUE(given_.empty());
  reassembly.add(record(4, AUDIT_SYSCALL, 3001));
  EXPECT_EQ(given_, (std::vector<std::string>{"1:1300!", "2:1400!"}));
  // A record of the kernel's own needs no end.
  EXPECT_EQ(reassembly.counts().unfinished, 1U);
  reassembly.expire(6000);
  EXPECT_EQ(given_.size(), 4U);
}

TEST_F(Reassembling, ItsMemoryIsBounded) {
  auto few = make({.events = 10, .bytes = 1 << 20, .bytes_of_event = 100, .expiry = 2000});
  for (std::uint64_t serial = 1; serial <= 1000; ++serial) few.add(record(serial, AUDIT_SYSCALL));
  EXPECT_EQ(few.pending(), 10U);
  EXPECT_EQ(few.counts().crowded_out, 990U);
  EXPECT_EQ(given_.front(), "1:1300!");

  auto small = make({.events = 1000, .bytes = 1000, .bytes_of_event = 100, .expiry = 2000});
  const std::string large(90, 'x');
  for (std::uint64_t serial = 1; serial <= 100; ++serial) small.add(record(serial, AUDIT_SYSCALL, 0, large));
  EXPECT_LE(small.pending() * large.size(), 1000U);
  small.add(record(100, AUDIT_PATH, 0, large));
  EXPECT_EQ(small.counts().cut, 1U);
}

TEST_F(Reassembling, ASerialThatComesAgainIsAnotherEvent) {
  auto reassembly = make();
  reassembly.add(record(1, AUDIT_SYSCALL, 1000));
  reassembly.add(record(1, AUDIT_SYSCALL, 1500));
  reassembly.add(record(1, AUDIT_EOE, 1500));
  EXPECT_EQ(given_, (std::vector<std::string>{"1:1300!", "1:1300."}));
}

// EVT-15
TEST(AuditSerials, WhatNeverCameIsCounted) {
  Serials serials;
  for (std::uint64_t serial = 100; serial < 100 + 3 * Serials::kWindow; ++serial)
    if (serial != 150 && serial != 200) serials.see(serial ^ 1);  // two by two the wrong way round
  EXPECT_EQ(serials.missing(), 2U);
}

TEST(AuditSerials, AJumpIsAsManyAsItLeavesOut) {
  Serials serials;
  serials.see(1);
  serials.see(2);
  serials.see(2 + 10 * Serials::kWindow);
  EXPECT_EQ(serials.missing(), 10 * Serials::kWindow - 1);
  serials.restart();
  serials.see(99);
  EXPECT_EQ(serials.missing(), 10 * Serials::kWindow - 1);
}

}  // namespace
}  // namespace osprey::events::audit
