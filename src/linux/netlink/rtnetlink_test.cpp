#include "linux/netlink/rtnetlink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/socket.h>

#include "linux/netlink/bytes_test.h"

namespace osprey::linux {
namespace {

using testing::Contains;
using testing::Field;
using testing::Optional;
using namespace std::string_literals;

const std::string kFour = "\xc0\x00\x02\x0a"s;    // 192.0.2.10
const std::string kRouter = "\xc0\x00\x02\x01"s;  // 192.0.2.1
const std::string kSix = "\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x01";

TEST(Rtnetlink, ALinkWithItsCounters) {
  ifinfomsg header{};
  header.ifi_index = 7;
  header.ifi_type = ARPHRD_ETHER;
  header.ifi_flags = IFF_UP | IFF_BROADCAST;
  rtnl_link_stats64 statistics{};
  statistics.rx_bytes = std::uint64_t{1} << 40;
  statistics.tx_dropped = 3;
  const auto link = parse_link(number_bytes(header) + attribute_bytes(IFLA_IFNAME, "eth0\0"s) +
                               attribute_bytes(IFLA_MTU, number_bytes(std::uint32_t{1400})) +
                               attribute_bytes(IFLA_ADDRESS, "\x02\xfc\0\0\0\x01"s) +
                               attribute_bytes(IFLA_STATS64, number_bytes(statistics)));
  ASSERT_TRUE(link);
  EXPECT_EQ(link->index, 7);
  EXPECT_EQ(link->name, "eth0");
  EXPECT_EQ(link->type, 1);
  EXPECT_EQ(link->flags, 3u);
  EXPECT_EQ(link->mtu, 1400u);
  EXPECT_EQ(link->address, "\x02\xfc\0\0\0\x01"s);
  EXPECT_EQ(link->statistics.rx_bytes, std::uint64_t{1} << 40);
  EXPECT_EQ(link->statistics.tx_dropped, 3u);
}

TEST(Rtnetlink, OlderKernelsHaveFewerCounters) {
  const auto link = parse_link(number_bytes(ifinfomsg{}) + attribute_bytes(IFLA_IFNAME, "a\0"s) +
                               attribute_bytes(IFLA_STATS64, number_bytes(std::uint64_t{9})));
  EXPECT_EQ(link->statistics.rx_packets, 9u);
  EXPECT_EQ(link->statistics.tx_packets, 0u);
  EXPECT_FALSE(parse_link(number_bytes(ifinfomsg{}))) << "without a name";
  EXPECT_FALSE(parse_link("short"));
}

std::string address_header(unsigned char family, unsigned char prefix) {
  ifaddrmsg header{};
  header.ifa_family = family;
  header.ifa_prefixlen = prefix;
  header.ifa_index = 2;
  return number_bytes(header);
}

TEST(Rtnetlink, AddressesAndTheOtherEnd) {
  const auto bytes = address_header(AF_INET, 20) + attribute_bytes(IFA_ADDRESS, kFour) +
                     attribute_bytes(IFA_LOCAL, kFour) + attribute_bytes(IFA_LABEL, "eth0:1\0"s);
  const auto plain = parse_address(bytes);
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->address, "192.0.2.10");
  EXPECT_EQ(plain->mask, "255.255.240.0");
  EXPECT_EQ(plain->label, "eth0:1");
  EXPECT_THAT(plain->destination, Optional("192.0.2.10"s));

  const auto broadcast = parse_address(bytes + attribute_bytes(IFA_BROADCAST, "\xc0\x00\x02\xff"s));
  EXPECT_THAT(broadcast->destination, Optional("192.0.2.255"s));

  const auto peer = parse_address(address_header(AF_INET, 32) + attribute_bytes(IFA_ADDRESS, kRouter) +
                                  attribute_bytes(IFA_LOCAL, kFour));
  EXPECT_EQ(peer->address, "192.0.2.10");
  EXPECT_EQ(peer->mask, "255.255.255.255");
  EXPECT_THAT(peer->destination, Optional("192.0.2.1"s));

  const auto six = parse_address(address_header(AF_INET6, 64) + attribute_bytes(IFA_ADDRESS, kSix));
  EXPECT_EQ(six->address, "2001:db8::1");
  EXPECT_EQ(six->mask, "ffff:ffff:ffff:ffff::");
  EXPECT_EQ(six->destination, std::nullopt);
  EXPECT_EQ(parse_address(address_header(AF_INET6, 0) + attribute_bytes(IFA_ADDRESS, kSix))->mask, "::");
}

TEST(Rtnetlink, AddressesThatAreNoneAreLeftOut) {
  EXPECT_FALSE(parse_address(address_header(AF_INET, 24)));
  EXPECT_FALSE(parse_address(address_header(AF_INET6, 24) + attribute_bytes(IFA_ADDRESS, kFour))) << "too short";
  EXPECT_FALSE(parse_address(address_header(AF_UNIX, 24) + attribute_bytes(IFA_ADDRESS, kFour)));
  EXPECT_EQ(parse_address(address_header(AF_INET, 255) + attribute_bytes(IFA_ADDRESS, kFour))->mask, "255.255.255.255");
}

std::string route_header(unsigned char family, unsigned char prefix, unsigned char type = RTN_UNICAST) {
  rtmsg header{};
  header.rtm_family = family;
  header.rtm_dst_len = prefix;
  header.rtm_type = type;
  header.rtm_flags = RTNH_F_ONLINK;
  return number_bytes(header);
}

TEST(Rtnetlink, TheDefaultRoute) {
  const auto route =
      parse_route(route_header(AF_INET, 0) + attribute_bytes(RTA_GATEWAY, kRouter) +
                  attribute_bytes(RTA_OIF, number_bytes(2)) + attribute_bytes(RTA_PRIORITY, number_bytes(0xffffffffu)));
  ASSERT_TRUE(route);
  EXPECT_EQ(route->destination, "0.0.0.0");
  EXPECT_EQ(route->prefix, 0);
  EXPECT_EQ(route->flags, std::uint32_t{RTNH_F_ONLINK});
  EXPECT_EQ(route->metric, 0xffffffffu);
  ASSERT_EQ(route->hops.size(), 1u);
  EXPECT_EQ(route->hops[0].index, 2);
  EXPECT_THAT(route->hops[0].gateway, Optional("192.0.2.1"s));
  EXPECT_EQ(parse_route(route_header(AF_INET6, 0))->destination, "::");
}

TEST(Rtnetlink, ARouteWithMetricsAndASource) {
  const auto metrics =
      attribute_bytes(RTAX_MTU, number_bytes(1280u)) + attribute_bytes(RTAX_HOPLIMIT, number_bytes(9u));
  const auto route =
      parse_route(route_header(AF_INET6, 128) + attribute_bytes(RTA_DST, kSix) + attribute_bytes(RTA_PREFSRC, kSix) +
                  attribute_bytes(RTA_METRICS | NLA_F_NESTED, metrics));
  EXPECT_EQ(route->destination, "2001:db8::1");
  EXPECT_EQ(route->prefix, 128);
  EXPECT_EQ(route->mtu, 1280u);
  EXPECT_EQ(route->hop_limit, 9u);
  EXPECT_THAT(route->source, Optional("2001:db8::1"s));
}

TEST(Rtnetlink, ARouteOverSeveralGateways) {
  const auto hop = [](int index, const std::string& attributes) {
    rtnexthop header{};
    header.rtnh_len = static_cast<unsigned short>(sizeof header + attributes.size());
    header.rtnh_ifindex = index;
    return number_bytes(header) + attributes;
  };
  const auto via = attribute_bytes(RTA_VIA, number_bytes(std::uint16_t{AF_INET6}) + kSix);
  const auto hops = hop(2, attribute_bytes(RTA_GATEWAY, kRouter)) + hop(3, via) + hop(4, "");
  const auto route = parse_route(route_header(AF_INET, 0) + attribute_bytes(RTA_MULTIPATH, hops));
  ASSERT_EQ(route->hops.size(), 3u);
  EXPECT_THAT(route->hops[0].gateway, Optional("192.0.2.1"s));
  EXPECT_EQ(route->hops[1].index, 3);
  EXPECT_THAT(route->hops[1].gateway, Optional("2001:db8::1"s));
  EXPECT_EQ(route->hops[2].gateway, std::nullopt);

  const auto cut = parse_route(route_header(AF_INET, 0) + attribute_bytes(RTA_MULTIPATH, hops.substr(0, 20)));
  EXPECT_EQ(cut->hops.size(), 1u);
}

TEST(Rtnetlink, RoutesOfOtherFamiliesAreLeftOut) {
  EXPECT_FALSE(parse_route(route_header(AF_PACKET, 0)));
  EXPECT_FALSE(parse_route(""));
}

// Against the running kernel; that the values are right is shown by tests/integration/test_network.py.
TEST(DumpSocket, TheLoopbackIsThere) {
  const auto dump = dump_links(Counters::without, Interrupt::never());
  ASSERT_TRUE(dump) << dump.error().text();
  EXPECT_THAT(parse_messages(dump->messages, parse_link), Contains(Field(&Link::name, "lo")));
}

TEST(DumpSocket, WhatTheKernelDoesNotKnowIsAnError) {
  auto socket = DumpSocket::open(NETLINK_ROUTE);
  ASSERT_TRUE(socket);
  EXPECT_FALSE(socket->dump(0xfff0, number_bytes(ifinfomsg{}), Interrupt::never()));
  EXPECT_TRUE(socket->dump(RTM_GETLINK, number_bytes(ifinfomsg{}), Interrupt::never())) << "it can be asked again";
}

TEST(DumpSocket, AnInterruptEndsIt) {
  Interrupt interrupt;
  interrupt.request();
  EXPECT_FALSE(dump_links(Counters::with, interrupt));
}

}  // namespace
}  // namespace osprey::linux
