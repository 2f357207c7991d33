#include "server/http/forwarded.h"

#include <gtest/gtest.h>

namespace osprey::server::http {
namespace {

TEST(TrustedBalancersTest, OnlyTheirWordCounts) {
  TrustedBalancers balancers;
  EXPECT_EQ(balancers.client("10.1.2.3", "1.2.3.4"), "10.1.2.3");
  ASSERT_TRUE(balancers.add("10.0.0.0/8"));
  ASSERT_TRUE(balancers.add("2001:db8::1"));
  EXPECT_EQ(balancers.client("10.1.2.3", "1.2.3.4"), "1.2.3.4");
  EXPECT_EQ(balancers.client("2001:db8::1", "2001:db8::2"), "2001:db8::2");
  EXPECT_EQ(balancers.client("192.0.2.1", "1.2.3.4"), "192.0.2.1");
  EXPECT_EQ(balancers.client("10.1.2.3", ""), "10.1.2.3");
}

TEST(TrustedBalancersTest, WhatAClientWroteItselfDoesNot) {
  TrustedBalancers balancers;
  ASSERT_TRUE(balancers.add("10.0.0.0/8"));
  EXPECT_EQ(balancers.client("10.1.2.3", "127.0.0.1, 1.2.3.4"), "1.2.3.4");
  EXPECT_EQ(balancers.client("10.1.2.3", "127.0.0.1, 1.2.3.4 ,10.9.9.9"), "1.2.3.4");
  EXPECT_EQ(balancers.client("10.1.2.3", "1.2.3.4, <script>"), "10.1.2.3");
  EXPECT_EQ(balancers.client("10.1.2.3", ",,,"), "10.1.2.3");
}

TEST(TrustedBalancersTest, RefusesWhatIsNoNetwork) {
  TrustedBalancers balancers;
  for (const auto* text : {"", "balancer", "10.0.0.0/33", "10.0.0", "::1/129", "1.2.3.4/"}) {
    EXPECT_FALSE(balancers.add(text)) << text;
  }
}

}  // namespace
}  // namespace osprey::server::http
