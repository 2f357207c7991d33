#include "linux/netlink/rtnetlink.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>

#include "linux/netlink/message.h"

namespace osprey::linux {
namespace {

// Bytes of an address of the family; 0 for a family that is not IP.
constexpr std::size_t address_size(int family) noexcept {
  return family == AF_INET ? sizeof(in_addr) : family == AF_INET6 ? sizeof(in6_addr) : 0;
}

// An address as inet_ntop(3) writes it; empty if the bytes are too few.
std::optional<std::string> address_text(int family, std::string_view bytes) {
  const auto size = address_size(family);
  if (size == 0 || bytes.size() < size) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> text;
  return ::inet_ntop(family, bytes.data(), text.data(), text.size());
}

// The mask that leaves `prefix` bits of an address.
std::string mask_text(int family, unsigned prefix) {
  std::string bytes(address_size(family), '\0');
  for (std::size_t i = 0; i < bytes.size() && prefix > 0; ++i) {
    const auto bits = std::min(prefix, 8u);
    bytes[i] = static_cast<char>(0xff << (8 - bits));
    prefix -= bits;
  }
  return address_text(family, bytes).value_or("");
}

// RTA_VIA: a gateway of another family than the route's.
std::optional<std::string> via_text(std::string_view payload) {
  std::uint16_t family = 0;
  if (payload.size() < sizeof family) return std::nullopt;
  std::memcpy(&family, payload.data(), sizeof family);
  return address_text(family, payload.substr(sizeof family));
}

// Takes what one attribute says of the way out, if it is about that.
void take_hop(Route::Hop& hop, int family, const NetlinkAttribute& attribute) {
  if (attribute.type == RTA_OIF)
    hop.index = attribute.as<int>();
  else if (attribute.type == RTA_GATEWAY)
    hop.gateway = address_text(family, attribute.payload);
  else if (attribute.type == RTA_VIA)
    hop.gateway = via_text(attribute.payload);
}

std::vector<Route::Hop> parse_multipath(int family, std::string_view rest) {
  std::vector<Route::Hop> hops;
  rtnexthop header;
  while (rest.size() >= sizeof header) {
    std::memcpy(&header, rest.data(), sizeof header);
    if (header.rtnh_len < sizeof header || header.rtnh_len > rest.size()) break;
    auto attributes = rest.substr(sizeof header, header.rtnh_len - sizeof header);
    rest.remove_prefix(std::min<std::size_t>(RTNH_ALIGN(header.rtnh_len), rest.size()));
    auto& hop = hops.emplace_back(Route::Hop{header.rtnh_ifindex, std::nullopt});
    while (const auto attribute = take_attribute(attributes)) take_hop(hop, family, *attribute);
  }
  return hops;
}

void take_metrics(Route& route, std::string_view attributes) {
  while (const auto attribute = take_attribute(attributes)) {
    if (attribute->type == RTAX_MTU) route.mtu = attribute->as<std::uint32_t>();
    if (attribute->type == RTAX_HOPLIMIT) route.hop_limit = attribute->as<std::uint32_t>();
  }
}

template <class Header>
std::string header_bytes(const Header& header) {
  return {reinterpret_cast<const char*>(&header), sizeof header};
}

Result<NetlinkDump> dump(std::uint16_t type, std::string_view body, const Interrupt& interrupt) {
  auto socket = TRY(DumpSocket::open(NETLINK_ROUTE));
  return socket.dump(type, body, interrupt);
}

}  // namespace

std::optional<Link> parse_link(std::string_view payload) {
  const auto header = take_header<ifinfomsg>(payload);
  if (!header) return std::nullopt;
  Link link{.index = header->ifi_index, .type = header->ifi_type, .flags = header->ifi_flags};
  while (const auto attribute = take_attribute(payload)) {
    switch (attribute->type) {
      case IFLA_IFNAME:
        link.name = attribute->text();
        break;
      case IFLA_MTU:
        link.mtu = attribute->as<std::uint32_t>();
        break;
      case IFLA_ADDRESS:
        link.address = attribute->payload;
        break;
      case IFLA_STATS64:
        // Older kernels have fewer counters, newer ones more.
        std::memcpy(&link.statistics, attribute->payload.data(),
                    std::min(sizeof link.statistics, attribute->payload.size()));
        break;
      default:
        break;
    }
  }
  if (link.name.empty()) return std::nullopt;
  return link;
}

std::optional<InterfaceAddress> parse_address(std::string_view payload) {
  const auto header = take_header<ifaddrmsg>(payload);
  if (!header || address_size(header->ifa_family) == 0) return std::nullopt;
  const int family = header->ifa_family;
  InterfaceAddress result{.index = static_cast<int>(header->ifa_index),
                          .mask = mask_text(family, header->ifa_prefixlen)};
  std::optional<std::string> address, local, broadcast;
  while (const auto attribute = take_attribute(payload)) {
    switch (attribute->type) {
      case IFA_ADDRESS:
        address = address_text(family, attribute->payload);
        break;
      case IFA_LOCAL:
        local = address_text(family, attribute->payload);
        break;
      case IFA_BROADCAST:
        broadcast = address_text(family, attribute->payload);
        break;
      case IFA_LABEL:
        result.label = attribute->text();
        break;
      default:
        break;
    }
  }
  if (!address && !local) return std::nullopt;
  // With both, IFA_ADDRESS is the other end's.
  result.address = local ? *local : *address;
  if (broadcast)
    result.destination = std::move(broadcast);
  else if (local)
    result.destination = std::move(address);
  return result;
}

std::optional<Route> parse_route(std::string_view payload) {
  const auto header = take_header<rtmsg>(payload);
  if (!header || address_size(header->rtm_family) == 0) return std::nullopt;
  const int family = header->rtm_family;
  Route route{.prefix = header->rtm_dst_len, .type = header->rtm_type, .flags = header->rtm_flags};
  Route::Hop only;
  while (const auto attribute = take_attribute(payload)) {
    switch (attribute->type) {
      case RTA_DST:
        route.destination = address_text(family, attribute->payload).value_or("");
        break;
      case RTA_PREFSRC:
        route.source = address_text(family, attribute->payload);
        break;
      case RTA_PRIORITY:
        route.metric = attribute->as<std::uint32_t>();
        break;
      case RTA_METRICS:
        take_metrics(route, attribute->payload);
        break;
      case RTA_MULTIPATH:
        route.hops = parse_multipath(family, attribute->payload);
        break;
      default:
        take_hop(only, family, *attribute);
        break;
    }
  }
  if (route.destination.empty()) route.destination = family == AF_INET ? "0.0.0.0" : "::";
  if (route.hops.empty()) route.hops.push_back(std::move(only));
  return route;
}

Result<NetlinkDump> dump_links(Counters counters, const Interrupt& interrupt) {
  struct Request {
    ifinfomsg header;
    nlattr attribute;
    std::uint32_t mask;
  };
  static_assert(sizeof(Request) == sizeof(ifinfomsg) + sizeof(nlattr) + sizeof(std::uint32_t));
  Request request{};
  request.attribute = {sizeof request.attribute + sizeof request.mask, IFLA_EXT_MASK};
  request.mask = counters == Counters::with ? 0 : RTEXT_FILTER_SKIP_STATS;
  return dump(RTM_GETLINK, header_bytes(request), interrupt);
}

Result<NetlinkDump> dump_addresses(const Interrupt& interrupt) {
  return dump(RTM_GETADDR, header_bytes(ifaddrmsg{}), interrupt);
}

Result<NetlinkDump> dump_routes(int family, const Interrupt& interrupt) {
  rtmsg header{};
  header.rtm_family = static_cast<unsigned char>(family);
  return dump(RTM_GETROUTE, header_bytes(header), interrupt);
}

}  // namespace osprey::linux
