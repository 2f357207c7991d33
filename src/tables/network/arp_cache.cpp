#include <net/if_arp.h>

#include "linux/procfs/arp.h"
#include "tables/entries_of.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

using linux::ArpEntry;

Rows<ArpEntry> scan(const Scan& scan) {
  for (auto& entry : entries_of(scan, "/proc/net/arp", linux::parse_arp)) co_yield entry;
}

}  // namespace

Table arp_cache() {
  return table("arp_cache", "IPv4 neighbours whose hardware address is known or was asked for.", scan)
      .column("address", TEXT, &ArpEntry::address, "IPv4 address of the neighbour.")
      .column("mac", TEXT, &ArpEntry::mac, "Its hardware address, all zero while nobody answered.", NOCASE)
      .column("interface", TEXT, &ArpEntry::interface, "Interface that it is reached by.")
      .column(
          "permanent", TEXT, [](const ArpEntry& entry) { return entry.flags & ATF_PERM ? "1" : "0"; },
          "1 for an entry that somebody set by hand, 0 for a learnt one.")
      .example("SELECT mac, count(*) AS addresses FROM arp_cache GROUP BY mac HAVING addresses > 1");
}

}  // namespace osprey::tables
