#include "linux/files/services.h"
#include "tables/entries_of.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

using linux::ServicesEntry;

Rows<ServicesEntry> scan(const Scan& scan) {
  for (auto& entry : entries_of(scan, "/etc/services", linux::parse_services)) co_yield entry;
}

}  // namespace

Table etc_services() {
  return table("etc_services", "Names of services and their well-known ports, from /etc/services.", scan)
      .column("name", TEXT, &ServicesEntry::name, "Official name of the service.")
      .column("port", INTEGER, &ServicesEntry::port, "Port that it is reached at.")
      .column("protocol", TEXT, &ServicesEntry::protocol, "Transport protocol, such as tcp.")
      .column("aliases", TEXT, &ServicesEntry::aliases, "Other names, separated by blanks.")
      .column("comment", TEXT, &ServicesEntry::comment, "What the file remarks about it.")
      .cacheable()
      .example("SELECT port, protocol FROM etc_services WHERE name = 'domain'");
}

}  // namespace osprey::tables
