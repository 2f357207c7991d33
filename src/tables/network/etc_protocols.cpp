#include "linux/files/protocols.h"
#include "tables/entries_of.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

using linux::ProtocolsEntry;

Rows<ProtocolsEntry> scan(const Scan& scan) {
  for (auto& entry : entries_of(scan, "/etc/protocols", linux::parse_protocols)) co_yield entry;
}

}  // namespace

Table etc_protocols() {
  return table("etc_protocols", "Names of the protocols that IP carries, from /etc/protocols.", scan)
      .column("name", TEXT, &ProtocolsEntry::name, "Official name.")
      .column("number", INTEGER, &ProtocolsEntry::number, "Number that stands for it in the IP header.")
      .column("alias", TEXT, &ProtocolsEntry::alias, "First other name.")
      .column("comment", TEXT, &ProtocolsEntry::comment, "What the file remarks about it.")
      .cacheable()
      .example("SELECT name, alias FROM etc_protocols WHERE number = 47");
}

}  // namespace osprey::tables
