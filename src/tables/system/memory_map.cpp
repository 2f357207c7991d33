#include "linux/procfs/iomem.h"
#include "tables/entries_of.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

using linux::MemoryRegion;

Rows<MemoryRegion> scan(const Scan& scan) {
  for (auto& region : entries_of(scan, "/proc/iomem", linux::parse_iomem)) co_yield region;
}

}  // namespace

Table memory_map() {
  return table("memory_map", "What each range of physical addresses is for: memory, devices, reserved.", scan)
      .column("name", TEXT, &MemoryRegion::name, "Who has the range.")
      .column(
          "start", TEXT, [](const MemoryRegion& r) { return "0x" + r.start; }, "First address, hexadecimal.")
      // The blank at the end is osquery's.
      .column(
          "end", TEXT, [](const MemoryRegion& r) { return "0x" + r.end + " "; },
          "Last address, hexadecimal, and a blank.")
      .example("SELECT * FROM memory_map WHERE name = 'System RAM'")
      .note("Without CAP_SYS_ADMIN the kernel shows all addresses as zero.");
}

}  // namespace osprey::tables
