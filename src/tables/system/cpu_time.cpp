#include "linux/procfs/cpu_times.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

using linux::CpuTimes;

Rows<CpuTimes> scan(const Scan& scan) {
  const auto file = scan.take(scan.root().read("/proc/stat"));
  if (!file) co_return;
  for (auto& times : linux::parse_cpu_times(file->bytes)) co_yield times;
}

template <CpuTimes::Kind kind>
std::int64_t ticks(const CpuTimes& times) {
  return times.ticks[kind];
}

}  // namespace

Table cpu_time() {
  return table("cpu_time", "What each processor has spent its time on since boot, in hundredths of a second.", scan)
      .column("core", INTEGER, &CpuTimes::core, "Number of the logical processor.")
      .column("user", BIGINT, ticks<CpuTimes::user>, "In programs of normal priority.")
      .column("nice", BIGINT, ticks<CpuTimes::nice>, "In programs of lowered priority.")
      .column("system", BIGINT, ticks<CpuTimes::system>, "In the kernel on behalf of programs.")
      .column("idle", BIGINT, ticks<CpuTimes::idle>, "With nothing to do.")
      .column("iowait", BIGINT, ticks<CpuTimes::iowait>, "With nothing to do while a disk was waited for.")
      .column("irq", BIGINT, ticks<CpuTimes::irq>, "In interrupts.")
      .column("softirq", BIGINT, ticks<CpuTimes::softirq>, "In soft interrupts.")
      .column("steal", BIGINT, ticks<CpuTimes::steal>, "Ready to run while the hypervisor ran another guest.")
      .column("guest", BIGINT, ticks<CpuTimes::guest>, "In virtual processors of guests; also in user.")
      .column("guest_nice", BIGINT, ticks<CpuTimes::guest_nice>,
              "In virtual processors of guests of lowered priority; also in nice.")
      .example(
          "SELECT core, 100.0 * idle / (user + nice + system + idle + iowait + irq + softirq + steal) AS percent_idle "
          "FROM cpu_time");
}

}  // namespace osprey::tables
