#include "events/kinds/kinds.h"

#include <gtest/gtest.h>

#include <set>

#include "events/journal/record.h"

namespace osprey::events {
namespace {

TEST(Kinds, EachHasAFamilyOfItsOwn) {
  EXPECT_EQ(std::set(kFamilies.begin(), kFamilies.end()).size(), kKinds);
  EXPECT_EQ(kFamilies[kKind<SocketEvent>], "socket");
}

TEST(Kinds, WhatIsWrittenIsReadBackAndUnknownStaysUnknown) {
  ProcessEvent event;
  event.header = {.origin = Origin::audit, .moment = 7};
  event.actor.process = {.pid = 4, .start = UINT64_MAX};
  event.actor.ids.euid = 0;
  event.actor.ancestors = {3, 1};
  event.arguments = {"a b", "", "\xFF"};
  event.executable.inode = 5;
  event.streams = {{.kind = "socket", .peer = "10.0.0.1:443"}};
  std::string record;
  encode(event, record);
  const auto read = decode<ProcessEvent>(record);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->header.origin, Origin::audit);
  EXPECT_EQ(read->actor.process, event.actor.process);
  EXPECT_EQ(read->actor.ids, event.actor.ids);
  EXPECT_FALSE(read->actor.ids.uid);
  EXPECT_EQ(read->actor.ancestors, event.actor.ancestors);
  EXPECT_EQ(read->arguments, event.arguments);
  EXPECT_EQ(read->executable.inode, 5);
  EXPECT_FALSE(read->executable.mode);
  EXPECT_EQ(read->streams.at(0).peer, "10.0.0.1:443");
}

}  // namespace
}  // namespace osprey::events
