#include <fmt/format.h>
#include <net/if.h>

#include "base/text.h"
#include "linux/netlink/ethtool.h"
#include "linux/netlink/rtnetlink.h"
#include "tables/network/netlink_dump.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

// Flags that an administrator sets. sysfs has them as they were set; netlink leaves a promiscuous mode out that a
// program asked for.
constexpr std::uint32_t kAdministrative = IFF_UP | IFF_DEBUG | IFF_NOTRAILERS | IFF_NOARP | IFF_PROMISC | IFF_ALLMULTI |
                                          IFF_MULTICAST | IFF_PORTSEL | IFF_AUTOMEDIA | IFF_DYNAMIC;

struct Handle {
  linux::Link link;
  const Root* root;

  // The first six bytes, as many as osquery's users expect; zeros where there are fewer.
  std::string mac() const {
    std::string text;
    for (std::size_t i = 0; i < 6; ++i)
      text += fmt::format("{}{:02x}", i ? ":" : "",
                          i < link.address.size() ? static_cast<unsigned char>(link.address[i]) : 0);
    return text;
  }
  std::uint32_t flags() const {
    const auto text = root->read_trimmed("/sys/class/net/" + link.name + "/flags");
    if (!text || !text->starts_with("0x")) return link.flags;
    const auto set = parse<std::uint32_t>(std::string_view(*text).substr(2), 16);
    return set ? (link.flags & ~kAdministrative) | (*set & kAdministrative) : link.flags;
  }
  std::uint32_t link_speed() const { return linux::ethtool_speed(link.name).value_or(0); }
  std::string pci_slot() const { return linux::ethtool_bus_info(link.name).value_or("-1"); }
};

template <auto field>
constexpr auto counter = [](const Handle& handle) { return static_cast<std::uint64_t>(handle.link.statistics.*field); };

Rows<Handle> scan(const Scan& scan) {
  const auto messages = take_messages(scan, linux::dump_links(linux::Counters::with, scan.interrupt()));
  for (auto& link : linux::parse_messages(messages, linux::parse_link)) {
    Handle handle{std::move(link), &scan.root()};
    co_yield handle;
  }
}

}  // namespace

Table interface_details() {
  using Stats = rtnl_link_stats64;
  return table("interface_details", "Network interfaces, their settings and counters.", scan)
      .column(
          "interface", TEXT, [](const Handle& h) { return h.link.name; }, "Name of the interface.")
      .column("mac", TEXT, &Handle::mac, "Hardware address, all zero where there is none.", NOCASE)
      .column(
          "type", INTEGER, [](const Handle& h) { return h.link.type & 0xff; },
          "Kind of hardware: the low byte of an ARPHRD_ number, 1 for Ethernet.")
      .column(
          "mtu", INTEGER, [](const Handle& h) { return h.link.mtu; }, "Largest packet in bytes.")
      .column(
          "metric", INTEGER, [](const Handle&) { return 0; }, "Metric of the interface; Linux has none, always 0.")
      .column("flags", INTEGER, &Handle::flags, "Bits IFF_* of netdevice(7): 1 up, 2 broadcast, 256 promiscuous…")
      .column("ipackets", BIGINT, counter<&Stats::rx_packets>, "Packets received.")
      .column("opackets", BIGINT, counter<&Stats::tx_packets>, "Packets sent.")
      .column("ibytes", BIGINT, counter<&Stats::rx_bytes>, "Bytes received.")
      .column("obytes", BIGINT, counter<&Stats::tx_bytes>, "Bytes sent.")
      .column("ierrors", BIGINT, counter<&Stats::rx_errors>, "Packets received with an error.")
      .column("oerrors", BIGINT, counter<&Stats::tx_errors>, "Packets that could not be sent for an error.")
      .column("idrops", BIGINT, counter<&Stats::rx_dropped>, "Received packets that were dropped.")
      .column("odrops", BIGINT, counter<&Stats::tx_dropped>, "Packets to send that were dropped.")
      .column("collisions", BIGINT, counter<&Stats::collisions>, "Collisions seen while sending.")
      .column(
          "last_change", BIGINT, [](const Handle&) { return -1; },
          "Time of the last change, which Linux does not keep: always -1.")
      .column("link_speed", BIGINT, &Handle::link_speed, "Megabits a second, 0 where the driver does not tell.")
      .column("pci_slot", TEXT, &Handle::pci_slot,
              "Where the device sits on its bus, as 0000:00:03.0; empty for none, -1 where the driver does not tell.")
      .foreign(TEXT, {"friendly_name", "description", "manufacturer", "connection_id", "connection_status"})
      .foreign(INTEGER, {"enabled", "physical_adapter", "speed"})
      .foreign(TEXT, {"service"})
      .foreign(INTEGER, {"dhcp_enabled"})
      .foreign(TEXT, {"dhcp_lease_expires", "dhcp_lease_obtained", "dhcp_server", "dns_domain",
                      "dns_domain_suffix_search_order", "dns_host_name", "dns_server_search_order"})
      .host_only()
      .cacheable()
      .example("SELECT interface, mac, mtu FROM interface_details WHERE flags & 1")
      .example("SELECT interface FROM interface_details WHERE flags & 256")
      .note(
          "Counters are 64 bits wide, osquery's wrap at 32. Interface types above 255 lose their high byte as in "
          "osquery: the loopback's 772 is shown as 4.");
}

}  // namespace osprey::tables
