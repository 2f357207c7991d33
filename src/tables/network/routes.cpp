#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <map>

#include "linux/netlink/rtnetlink.h"
#include "tables/network/netlink_dump.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

using linux::Route;

std::string_view type_name(std::uint8_t type) {
  switch (type) {
    case RTN_UNICAST:
      return "gateway";
    case RTN_LOCAL:
      return "local";
    case RTN_BROADCAST:
      return "broadcast";
    case RTN_ANYCAST:
      return "anycast";
    default:
      return "other";
  }
}

struct Handle {
  const Route* route;
  const Route::Hop* hop;
  const std::map<int, std::string>* interfaces;

  std::optional<std::string> interface() const {
    const auto found = interfaces->find(hop->index);
    return found == interfaces->end() ? std::nullopt : std::optional(found->second);
  }
};

Rows<Handle> scan(const Scan& scan) {
  std::map<int, std::string> interfaces;
  if (scan.wants("interface"))
    for (auto& link : linux::parse_messages(
             take_messages(scan, linux::dump_links(linux::Counters::without, scan.interrupt())), linux::parse_link))
      interfaces[link.index] = std::move(link.name);
  for (const int family : {AF_INET, AF_INET6}) {
    const auto messages = take_messages(scan, linux::dump_routes(family, scan.interrupt()));
    std::string_view rest = messages;
    while (const auto message = linux::take_message(rest)) {
      if (scan.interrupted()) co_return;
      const auto route = linux::parse_route(message->payload);
      if (!route || !scan.matches("type", type_name(route->type))) continue;
      for (const auto& hop : route->hops) {
        Handle handle{&*route, &hop, &interfaces};
        co_yield handle;
      }
    }
  }
}

}  // namespace

Table routes() {
  return table("routes", "Where packets are sent: IPv4 and IPv6 routes of every routing table.", scan)
      .column(
          "destination", TEXT, [](const Handle& h) { return h.route->destination; },
          "Address or network that is reached; 0.0.0.0 or :: for all.")
      .column(
          "netmask", INTEGER, [](const Handle& h) { return h.route->prefix; },
          "Length of the network's prefix in bits.")
      .column(
          "gateway", TEXT, [](const Handle& h) { return h.hop->gateway; }, "Router that packets are handed to.")
      .column(
          "source", TEXT, [](const Handle& h) { return h.route->source; }, "Source address that is preferred.")
      .column(
          "flags", INTEGER, [](const Handle& h) { return h.route->flags; }, "Bits RTM_F_* of rtnetlink(7).")
      .column("interface", TEXT, &Handle::interface, "Interface that packets leave by.")
      .column(
          "mtu", INTEGER, [](const Handle& h) { return h.route->mtu; },
          "Largest packet in bytes; 0 where the route sets none.")
      .column(
          "metric", INTEGER, [](const Handle& h) { return h.route->metric; }, "Cost; the lowest wins.")
      .column(
          "type", TEXT, [](const Handle& h) { return type_name(h.route->type); },
          "gateway for what is sent on, local, broadcast, anycast, or other.", ADDITIONAL)
      .column(
          "hopcount", INTEGER, [](const Handle& h) { return h.route->hop_limit; },
          "Hop limit of packets; 0 where the route sets none.")
      .host_only()
      .cacheable()
      .example("SELECT gateway, interface FROM routes WHERE destination IN ('0.0.0.0', '::') AND netmask = 0")
      .note(
          "A route over several gateways is a row each. A host's route has its true prefix, 32 or 128, where osquery "
          "shows 0.");
}

}  // namespace osprey::tables
