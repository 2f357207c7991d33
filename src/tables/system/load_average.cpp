#include <fmt/format.h>
#include <sys/sysinfo.h>

#include "tables/table.h"

namespace osprey::tables {
namespace {

struct Handle {
  std::string_view period;
  double average;

  std::string text() const { return fmt::format("{:.6f}", average); }
};

Rows<Handle> scan(const Scan& scan) {
  struct sysinfo info;
  if (::sysinfo(&info) != 0) {
    scan.warn(system_failure("sysinfo").error());
    co_return;
  }
  constexpr std::string_view kPeriods[] = {"1m", "5m", "15m"};
  for (std::size_t i = 0; i < std::size(kPeriods); ++i) {
    Handle handle{kPeriods[i], static_cast<double>(info.loads[i]) / (1 << SI_LOAD_SHIFT)};
    co_yield handle;
  }
}

}  // namespace

Table load_average() {
  return table("load_average", "How many tasks were running, ready to run or waiting for a disk, averaged over a time.",
               scan)
      .column("period", TEXT, &Handle::period, "Over which time: 1m, 5m or 15m.")
      .column("average", TEXT, &Handle::text, "The average, with six decimals.")
      .host_only()
      .example("SELECT average FROM load_average WHERE period = '5m'")
      .note("By sysinfo(2), as osquery: /proc/loadavg is rounded to two decimals.");
}

}  // namespace osprey::tables
