#include "sql/functions/network.h"

#include <gtest/gtest.h>

#include "sql/functions/testing.h"

namespace osprey::sql {
namespace {

TEST(IpAddress, Forms) {
  EXPECT_TRUE(IpAddress::parse("192.0.2.1")->is_v4());
  EXPECT_FALSE(IpAddress::parse("::ffff:192.0.2.1")->is_v4());
  EXPECT_EQ(IpAddress::parse("fe80::1%eth0"), IpAddress::parse("fe80::1"));
  for (const std::string_view text : {"", "1.2.3", "1.2.3.4 ", "1.2.3.4%eth0", ":::", "::1/8", "g::"}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0", 8)));
}

TEST(IpAddress, OrdersByFamilyThenBytes) {
  EXPECT_LT(IpAddress::parse("255.255.255.255"), IpAddress::parse("::"));
  EXPECT_LT(IpAddress::parse("9.0.0.0"), IpAddress::parse("10.0.0.0"));
}

bool contains(std::string_view block, std::string_view address) {
  return CidrBlock::parse(block).value().contains(IpAddress::parse(address).value());
}

TEST(CidrBlock, Bounds) {
  EXPECT_TRUE(contains("192.0.2.128/25", "192.0.2.128"));
  EXPECT_TRUE(contains("192.0.2.128/25", "192.0.2.255"));
  EXPECT_FALSE(contains("192.0.2.128/25", "192.0.2.127"));
  EXPECT_TRUE(contains("0.0.0.0/0", "255.255.255.255"));
  EXPECT_TRUE(contains("2001:db8::/33", "2001:db8:7fff::"));
  EXPECT_FALSE(contains("2001:db8::/33", "2001:db8:8000::"));
  EXPECT_FALSE(contains("2001:db8::1/128", "2001:db8::2"));
}

TEST(CidrBlock, Refuses) {
  for (const std::string_view text : {"", "/", "/8", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1",
                                      "10.0.0.0/8 ", "10.0.0.0/+8", "::/129", "10.0.0.0/8/8"}) {
    EXPECT_FALSE(CidrBlock::parse(text)) << text;
  }
}

struct FlowVector {
  std::string_view source, destination;
  std::uint16_t source_port, destination_port;
  std::uint8_t protocol;
  std::string_view id;
};

// The baseline of the Community ID specification (github.com/corelight/community-id-spec), ICMP flows as the
// specification maps them: type and the type that answers it, for both directions.
constexpr FlowVector kBaseline[] = {
    {"128.232.110.120", "66.35.250.204", 34855, 80, 6, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
    {"66.35.250.204", "128.232.110.120", 80, 34855, 6, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
    {"192.168.1.52", "8.8.8.8", 54585, 53, 17, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
    {"192.168.170.8", "192.168.170.56", 7, 80, 132, "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ="},
    {"192.168.0.89", "192.168.0.1", 8, 0, 1, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
    {"192.168.0.1", "192.168.0.89", 0, 8, 1, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
    {"fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 135, 136, 58, "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="},
    {"fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 136, 135, 58, "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="},
};

TEST(CommunityId, SpecificationBaseline) {
  for (const auto& vector : kBaseline) {
    const Flow flow{*IpAddress::parse(vector.source), *IpAddress::parse(vector.destination), vector.source_port,
                    vector.destination_port, vector.protocol};
    EXPECT_EQ(community_id(flow, 0).value(), vector.id) << vector.source << ' ' << vector.source_port;
  }
}

using NetworkTest = FunctionsTest;

TEST_F(NetworkTest, OsquerysBlocksLackTheirEnds) {
  be_osquery(true);
  EXPECT_EQ(value("in_cidr_block('ffff::/16','ffff::1')"), "0");
  EXPECT_EQ(value("in_cidr_block('fffe::/16','fffe::1')"), "1");
  EXPECT_EQ(value("in_cidr_block('255.255.255.255/32','255.255.255.255')"), "1");
}

TEST_F(NetworkTest, CommunityIdSaysWhatItDoesNotTake) {
  EXPECT_EQ(value("community_id_v1_strict('10.0.0.1','x',1,2,6)"), "error: Community ID daddr cannot be parsed as IP");
  EXPECT_EQ(value("community_id_v1_strict('10.0.0.1','10.0.0.2',1,2,6.5)"),
            "error: Community ID protocol must be an integer");
  EXPECT_EQ(value("community_id_v1_strict('10.0.0.1','10.0.0.2',1,2,6,'1')"),
            "error: Community ID seed must be an integer");
}

}  // namespace
}  // namespace osprey::sql
