#include "linux/files/hosts.h"

#include <gtest/gtest.h>

namespace osprey::linux {
namespace {

TEST(Hosts, NamesOfAnAddress) {
  const auto entries = parse_hosts("127.0.0.1 localhost\n::1\tip6-localhost   ip6-loopback # both\n");
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].address, "127.0.0.1");
  EXPECT_EQ(entries[1].address, "::1");
  EXPECT_EQ(entries[1].hostnames, "ip6-localhost ip6-loopback");
}

TEST(Hosts, WhatIsNoEntryIsLeftOut) { EXPECT_TRUE(parse_hosts("# comment\n\n   \n10.0.0.1\n#10.0.0.2 off\n").empty()); }

TEST(Hosts, LastLineWithoutLineEndAndCarriageReturns) {
  const auto entries = parse_hosts("10.0.0.1 a\r\n10.0.0.2 b");
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].hostnames, "a");
  EXPECT_EQ(entries[1].hostnames, "b");
}

}  // namespace
}  // namespace osprey::linux
