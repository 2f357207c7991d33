#include "linux/files/resolv_conf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace osprey::linux {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Network = ResolvConf::Network;

// The expected values of these tests are what glibc 2.36's res_init() made of the same text.

TEST(ResolvConf, NameserversAreTheFirstThreeThatAreAddresses) {
  const auto conf = parse_resolv_conf(
      "; comment\n"
      "nameserver 192.0.2.1 # x\n"
      " nameserver 192.0.2.9\n"
      "nameserver\tfe80:0::1%eth0\n"
      "nameserver 192.0.2.256\n"
      "nameserver 192.0.2.2extra\n"
      "nameserver 0x7f.1;y\n"
      "nameserver 192.0.2.4\n");
  EXPECT_THAT(conf.nameservers, ElementsAre("192.0.2.1", "fe80::1%eth0", "127.0.0.1"));
}

TEST(ResolvConf, DefaultsOfAnEmptyFile) {
  const auto conf = parse_resolv_conf("");
  EXPECT_THAT(conf.nameservers, ElementsAre("127.0.0.1"));
  EXPECT_THAT(conf.search, IsEmpty());
  EXPECT_THAT(conf.sortlist, IsEmpty());
  EXPECT_EQ(conf.options, 705u);
}

TEST(ResolvConf, TheLastOfSearchAndDomainHolds) {
  EXPECT_THAT(parse_resolv_conf("search a.example b.example\n").search, ElementsAre("a.example", "b.example"));
  EXPECT_THAT(parse_resolv_conf("search a b\ndomain c.example d\n").search, ElementsAre("c.example"));
  EXPECT_THAT(parse_resolv_conf("domain c\nsearch 1 2 3 4 5 6 7").search, ElementsAre("1", "2", "3", "4", "5", "6"));
  EXPECT_THAT(parse_resolv_conf("search\nsearchx a\n").search, IsEmpty());
}

TEST(ResolvConf, Options) {
  EXPECT_EQ(parse_resolv_conf("options debug ndots:3 rotate edns0 inet6 single-request single-request-reopen use-vc "
                              "trust-ad no-aaaa no-reload no_tld_query no-tld-query ip6-bytestring foo\n"
                              "options timeout:3 attempts:2\n")
                .options,
            0x0f7042c9u);
}

TEST(ResolvConf, SortlistWithMasksOrWithTheClassOfTheAddress) {
  const auto conf = parse_resolv_conf("sortlist 130.155.160.0/255.255.240.0 130.155.0.0 10.0.0.0/foo 192.0.2.0 x/8\n");
  EXPECT_THAT(conf.sortlist, ElementsAre(Network{"130.155.160.0", 20}, Network{"130.155.0.0", 16},
                                         Network{"10.0.0.0", 8}, Network{"192.0.2.0", 24}));
}

TEST(ResolvConf, HostileBytes) {
  using namespace std::string_view_literals;
  const auto conf = parse_resolv_conf("nameserver 1.2.3.4\0x\nsearch \xff\0a\nnameserver "sv);
  EXPECT_THAT(conf.search, ElementsAre("\xff\0a"sv));
}

}  // namespace
}  // namespace osprey::linux
