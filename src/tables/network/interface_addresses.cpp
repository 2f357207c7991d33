#include <net/if.h>

#include <map>

#include "linux/netlink/rtnetlink.h"
#include "tables/network/netlink_dump.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

using linux::InterfaceAddress;
using linux::Link;

// fe80::/10: an address that means something on its own link only.
bool is_link_local(std::string_view address) {
  return address.size() > 4 && address.starts_with("fe") && address.find(':') == 4 &&
         std::string_view("89ab").contains(address[2]);
}

struct Handle {
  InterfaceAddress address;
  const Link* link;

  // Written with the link's name where it means nothing without.
  std::string with_zone(const std::string& text) const { return is_link_local(text) ? text + "%" + link->name : text; }

  const std::string& interface() const { return address.label.empty() ? link->name : address.label; }
  std::string own() const { return with_zone(address.address); }
  std::optional<std::string> destination(bool broadcast) const {
    if (!address.destination || broadcast != bool(link->flags & IFF_BROADCAST)) return std::nullopt;
    return with_zone(*address.destination);
  }
  std::optional<std::string> broadcast() const { return destination(true); }
  std::optional<std::string> point_to_point() const { return destination(false); }
};

Rows<Handle> scan(const Scan& scan) {
  std::map<int, Link> links;
  for (auto& link : linux::parse_messages(
           take_messages(scan, linux::dump_links(linux::Counters::without, scan.interrupt())), linux::parse_link))
    links[link.index] = std::move(link);
  const auto messages = take_messages(scan, linux::dump_addresses(scan.interrupt()));
  for (auto& address : linux::parse_messages(messages, linux::parse_address)) {
    Handle handle{std::move(address), &links[address.index]};
    co_yield handle;
  }
}

}  // namespace

Table interface_addresses() {
  return table("interface_addresses", "Addresses of the network interfaces.", scan)
      .column("interface", TEXT, &Handle::interface, "Name of the interface, or the label of the address.")
      .column("address", TEXT, &Handle::own, "IPv4 or IPv6 address; a link-local one with %INTERFACE behind it.")
      .column(
          "mask", TEXT, [](const Handle& handle) { return handle.address.mask; }, "Network mask.")
      .column("broadcast", TEXT, &Handle::broadcast,
              "IPv4: broadcast address of the network, the address itself where none was set.")
      .column("point_to_point", TEXT, &Handle::point_to_point, "Address of the other end, on links without broadcast.")
      .column(
          "type", TEXT, [](const Handle&) { return "unknown"; },
          "How the address was come by, which Linux does not tell: always unknown.")
      .foreign(TEXT, {"friendly_name"})
      .host_only()
      .cacheable()
      .example("SELECT interface, address, mask FROM interface_addresses WHERE interface != 'lo'");
}

}  // namespace osprey::tables
