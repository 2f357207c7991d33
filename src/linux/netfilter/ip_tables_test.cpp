#include "linux/netfilter/ip_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_tcpudp.h>

#include <cstring>
#include <map>

namespace osprey::linux {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::Optional;

template <class T>
std::string bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string match(std::string_view name, const std::string& data) {
  xt_entry_match head{};
  name.copy(head.u.user.name, sizeof head.u.user.name - 1);
  head.u.match_size = static_cast<std::uint16_t>(sizeof head + data.size());
  return bytes_of(head) + data;
}

std::string target(std::string_view name, const std::string& data) {
  xt_entry_target head{};
  name.copy(head.u.user.name, sizeof head.u.user.name - 1);
  head.u.target_size = static_cast<std::uint16_t>(sizeof head + data.size());
  return bytes_of(head) + data;
}

// A decision (-NF_ACCEPT - 1…) or the offset of a chain.
std::string standard(int verdict) { return target("", bytes_of(verdict) + std::string(4, '\0')); }
std::string error(std::string_view name) {
  std::string data(name);
  data.resize(32);
  return target(XT_ERROR_TARGET, data);
}

constexpr int kAccept = -NF_ACCEPT - 1;
constexpr int kDrop = -NF_DROP - 1;

// Puts a table's blob together as iptables-legacy does.
class Blob {
 public:
  // Appends an entry and returns its offset.
  std::size_t add(const std::string& target, const std::string& matches = "", const ipt_ip& ip = {},
                  std::uint64_t packets = 0, std::uint64_t bytes = 0) {
    const auto offset = bytes_.size();
    ipt_entry head{};
    head.ip = ip;
    head.target_offset = static_cast<std::uint16_t>(sizeof head + matches.size());
    head.next_offset = static_cast<std::uint16_t>(head.target_offset + target.size());
    head.counters = {packets, bytes};
    bytes_ += bytes_of(head) + matches + target;
    return offset;
  }
  void hook(int number, std::size_t entry, std::size_t policy) {
    info_.valid_hooks |= 1u << number;
    info_.hook_entry[number] = static_cast<unsigned>(entry);
    info_.underflow[number] = static_cast<unsigned>(policy);
  }
  std::size_t size() const { return bytes_.size(); }
  std::string& bytes() { return bytes_; }
  auto parse() const { return parse_ip_table(info_, bytes_); }

 private:
  ipt_getinfo info_{};
  std::string bytes_;
};

ipt_ip from_interface(std::string_view name) {
  ipt_ip ip{};
  name.copy(ip.iniface, sizeof ip.iniface);
  std::memset(ip.iniface_mask, 0xff, name.size());
  return ip;
}

TEST(IpTables, ChainsPoliciesAndCounters) {
  Blob blob;
  const auto drop = blob.add(standard(kDrop), "", {}, 5, 500);
  const auto input = blob.add(standard(kAccept), "", {}, 7, 700);
  blob.hook(NF_INET_LOCAL_IN, drop, input);
  const auto forward = blob.add(standard(kDrop), "", {}, 1, 2);
  blob.hook(NF_INET_FORWARD, forward, forward);
  blob.add(error("ERROR"));

  const auto chains = blob.parse();
  ASSERT_TRUE(chains) << chains.error().text();
  ASSERT_THAT(*chains, ElementsAre(Field(&IpTablesChain::name, "INPUT"), Field(&IpTablesChain::name, "FORWARD")));
  const auto& first = chains->front();
  EXPECT_THAT(first.policy, Optional(std::string("ACCEPT")));
  EXPECT_EQ(first.packets, 7u);
  EXPECT_EQ(first.bytes, 700u);
  ASSERT_EQ(first.rules.size(), 1u);
  EXPECT_EQ(first.rules[0].target, "DROP");
  EXPECT_EQ(first.rules[0].packets, 5u);
  EXPECT_EQ(first.rules[0].bytes, 500u);
  EXPECT_THAT(chains->back().policy, Optional(std::string("DROP")));
  EXPECT_THAT(chains->back().rules, IsEmpty());
}

TEST(IpTables, UserChainsAndJumpsToThem) {
  Blob blob;
  const auto jump = blob.add(standard(0));  // its chain is not placed yet
  const auto counting = blob.add(standard(0));
  const auto log = blob.add(target("LOG", std::string(32, '\0')));
  const auto policy = blob.add(standard(kAccept));
  blob.hook(NF_INET_LOCAL_OUT, jump, policy);
  blob.add(error("MINE"));
  const auto mine = blob.add(standard(XT_RETURN));
  blob.add(standard(-NF_QUEUE - 1));
  blob.add(standard(XT_RETURN));  // the end that every chain has
  blob.add(error("EMPTY"));
  blob.add(standard(XT_RETURN));
  blob.add(error("ERROR"));
  const auto verdict_at = sizeof(ipt_entry) + sizeof(xt_entry_target);
  const auto set = [&](std::size_t entry, std::size_t to) {
    const int verdict = static_cast<int>(to);
    std::memcpy(blob.bytes().data() + entry + verdict_at, &verdict, sizeof verdict);
  };
  set(jump, mine);
  set(counting, log);  // falls through to the next rule

  const auto chains = blob.parse();
  ASSERT_TRUE(chains) << chains.error().text();
  ASSERT_EQ(chains->size(), 3u);
  EXPECT_THAT((*chains)[0].rules, ElementsAre(Field(&IpTablesRule::target, "MINE"), Field(&IpTablesRule::target, ""),
                                              Field(&IpTablesRule::target, "LOG")));
  EXPECT_EQ((*chains)[1].name, "MINE");
  EXPECT_EQ((*chains)[1].policy, std::nullopt);
  EXPECT_THAT((*chains)[1].rules,
              ElementsAre(Field(&IpTablesRule::target, "RETURN"), Field(&IpTablesRule::target, "QUEUE")));
  EXPECT_EQ((*chains)[2].name, "EMPTY");
  EXPECT_THAT((*chains)[2].rules, IsEmpty());
}

TEST(IpTables, PortsAndWhatIsNegated) {
  xt_tcp tcp{};
  tcp.spts[1] = 65535;
  tcp.dpts[0] = 22;
  tcp.dpts[1] = 80;
  tcp.invflags = XT_TCP_INV_DSTPT;
  xt_udp udp{};
  udp.spts[0] = udp.spts[1] = 53;
  udp.dpts[1] = 65535;
  udp.invflags = XT_UDP_INV_SRCPT;
  auto ip = from_interface("eth");
  ip.proto = IPPROTO_TCP;
  ip.invflags = IPT_INV_SRCIP;
  ip.src.s_addr = htonl(0xc0000200);
  ip.smsk.s_addr = htonl(0xffffff00);

  Blob blob;
  const auto first =
      blob.add(standard(kAccept), match("comment", std::string(256, 'x')) + match("tcp", bytes_of(tcp)), ip);
  blob.add(standard(kAccept), match("udp", bytes_of(udp)));
  blob.add(standard(kAccept));
  const auto policy = blob.add(standard(kDrop));
  blob.hook(NF_INET_LOCAL_IN, first, policy);
  blob.add(error("ERROR"));

  const auto chains = blob.parse();
  ASSERT_TRUE(chains) << chains.error().text();
  const auto& rules = chains->front().rules;
  ASSERT_EQ(rules.size(), 3u);
  EXPECT_EQ(rules[0].source_ports, "0:65535");
  EXPECT_EQ(rules[0].destination_ports, "!22:80");
  EXPECT_STREQ(rules[0].ip.iniface, "eth");
  EXPECT_EQ(rules[0].ip.invflags, IPT_INV_SRCIP);
  EXPECT_EQ(rules[0].ip.smsk.s_addr, htonl(0xffffff00));
  EXPECT_EQ(rules[1].source_ports, "!53:53");
  EXPECT_EQ(rules[1].destination_ports, "0:65535");
  EXPECT_EQ(rules[2].source_ports, "");
}

TEST(IpTables, SeveralPorts) {
  xt_multiport_v1 ports{};
  ports.flags = XT_MULTIPORT_DESTINATION;
  ports.count = 3;
  ports.ports[0] = 80;
  ports.ports[1] = 8000;
  ports.ports[2] = 8080;
  ports.pflags[1] = 1;
  auto either = ports;
  either.flags = XT_MULTIPORT_EITHER;
  either.count = 255;  // more than there are
  either.invert = 1;
  const auto multiport = [](const xt_multiport_v1& data) {
    auto bytes = match("multiport", bytes_of(data));
    bytes[offsetof(xt_entry_match, u.user.revision)] = 1;
    return bytes;
  };
  Blob blob;
  const auto first = blob.add(standard(kAccept), multiport(ports));
  blob.add(standard(kAccept), multiport(either));
  const auto policy = blob.add(standard(kDrop));
  blob.hook(NF_INET_LOCAL_IN, first, policy);

  const auto chains = blob.parse();
  ASSERT_TRUE(chains) << chains.error().text();
  const auto& rules = chains->front().rules;
  EXPECT_EQ(rules[0].source_ports, "");
  EXPECT_EQ(rules[0].destination_ports, "80:80,8000:8080");
  EXPECT_THAT(rules[1].source_ports, testing::StartsWith("!80:80,8000:8080,0:0"));
  EXPECT_EQ(rules[1].destination_ports, rules[1].source_ports);
}

TEST(IpTables, LengthsThatLieAreAnError) {
  Blob good;
  const auto only = good.add(standard(kAccept), match("tcp", bytes_of(xt_tcp{})));
  good.hook(NF_INET_LOCAL_IN, only, only);
  ASSERT_TRUE(good.parse());
  for (const auto member : {offsetof(ipt_entry, next_offset), offsetof(ipt_entry, target_offset)}) {
    for (const std::uint16_t value : {0, 1, 50, 111, 0xfff0, 0xffff}) {
      auto blob = good;
      std::memcpy(blob.bytes().data() + member, &value, sizeof value);
      EXPECT_FALSE(blob.parse()) << member << " " << value;
    }
  }
  auto cut = good;
  cut.bytes().pop_back();
  EXPECT_FALSE(cut.parse());
}

TEST(IpTables, MatchesThatLieEndThemselves) {
  for (const std::uint16_t value : {0, 31, 0xffff}) {
    auto lying = match("tcp", bytes_of(xt_tcp{}));
    std::memcpy(lying.data(), &value, sizeof value);
    Blob blob;
    const auto rule = blob.add(standard(kAccept), lying);
    const auto policy = blob.add(standard(kAccept));
    blob.hook(NF_INET_LOCAL_IN, rule, policy);
    const auto chains = blob.parse();
    ASSERT_TRUE(chains);
    EXPECT_EQ(chains->front().rules[0].source_ports, "");
  }
}

TEST(IpTables, AnEmptyBlobHasNoChains) { EXPECT_THAT(*Blob().parse(), IsEmpty()); }

}  // namespace
}  // namespace osprey::linux
