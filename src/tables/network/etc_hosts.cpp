#include "linux/files/hosts.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

using linux::HostsEntry;

Rows<HostsEntry> scan(const Scan& scan) {
  const auto file = scan.take(scan.root().read("/etc/hosts"));
  if (!file) co_return;
  for (auto& entry : linux::parse_hosts(file->bytes)) co_yield entry;
}

}  // namespace

Table etc_hosts() {
  return table("etc_hosts", "Names that this host gives to addresses by itself, from /etc/hosts.", scan)
      .column("address", TEXT, &HostsEntry::address, "IPv4 or IPv6 address.")
      .column("hostnames", TEXT, &HostsEntry::hostnames, "The names it answers to, separated by blanks.")
      .in_mount_namespaces()
      .alias("hosts")
      .cacheable()
      .example("SELECT address FROM etc_hosts WHERE hostnames LIKE '%localhost%'");
}

}  // namespace osprey::tables
