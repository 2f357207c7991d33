// Interfaces, addresses and routes of this network namespace (rtnetlink(7)).
#pragma once

#include <linux/if_link.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "linux/netlink/dump_socket.h"
#include "linux/netlink/message.h"

namespace osprey::linux {

struct Link {
  int index = 0;
  std::string name;
  std::uint16_t type = 0;   // ARPHRD_*
  std::uint32_t flags = 0;  // IFF_*
  std::uint32_t mtu = 0;
  std::string address;  // hardware address as bytes, as long as the type's are; empty where there is none
  rtnl_link_stats64 statistics{};
};

struct InterfaceAddress {
  int index = 0;      // of the interface
  std::string label;  // IPv4: the name given to the address, by default the interface's
  std::string address;
  std::string mask;
  // What getifaddrs(3) calls the other end: broadcast address or peer; IPv4's own address where neither was given.
  std::optional<std::string> destination;
};

struct Route {
  struct Hop {
    int index = 0;  // of the interface; 0 where the route leads nowhere
    std::optional<std::string> gateway;
  };
  std::string destination;  // 0.0.0.0 or :: for the default route
  std::uint8_t prefix = 0;
  std::uint8_t type = 0;    // RTN_*
  std::uint32_t flags = 0;  // RTM_F_* and RTNH_F_*
  std::uint32_t metric = 0;
  std::uint32_t mtu = 0;
  std::uint32_t hop_limit = 0;
  std::optional<std::string> source;
  std::vector<Hop> hops;  // at least one; several where traffic is spread
};

// From a message's payload; empty if it is not about that or is cut short.
std::optional<Link> parse_link(std::string_view payload);
std::optional<InterfaceAddress> parse_address(std::string_view payload);
std::optional<Route> parse_route(std::string_view payload);

// Dumps to be walked with take_message() and the functions above.
enum class Counters { with, without };  // without them the kernel has much less to do
Result<NetlinkDump> dump_links(Counters counters, const Interrupt& interrupt);
Result<NetlinkDump> dump_addresses(const Interrupt& interrupt);
// Of every routing table; `family` is AF_INET or AF_INET6.
Result<NetlinkDump> dump_routes(int family, const Interrupt& interrupt);

// Of every message of a dump that `parse` makes something of.
template <class T>
std::vector<T> parse_messages(std::string_view messages, std::optional<T> (*parse)(std::string_view)) {
  std::vector<T> found;
  while (const auto message = take_message(messages))
    if (auto one = parse(message->payload)) found.push_back(std::move(*one));
  return found;
}

}  // namespace osprey::linux
