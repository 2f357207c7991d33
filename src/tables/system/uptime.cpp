#include "base/text.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

struct Handle {
  std::int64_t total;

  std::int64_t days() const { return total / 86400; }
  std::int64_t hours() const { return total / 3600 % 24; }
  std::int64_t minutes() const { return total / 60 % 60; }
  std::int64_t seconds() const { return total % 60; }
};

Rows<Handle> scan(const Scan& scan) {
  const auto text = scan.take(scan.root().read_trimmed("/proc/uptime"));
  if (!text) co_return;
  std::string_view rest = *text;
  const auto seconds = parse_double(take_field(rest));
  if (!seconds || *seconds < 0 || *seconds > 1e15) {
    scan.warn(failure("/proc/uptime", "is not a number of seconds").error());
    co_return;
  }
  Handle handle{static_cast<std::int64_t>(*seconds)};
  co_yield handle;
}

}  // namespace

Table uptime() {
  return table("uptime", "Time since the machine was started, sleep included.", scan)
      .column("days", INTEGER, &Handle::days, "Whole days of it.")
      .column("hours", INTEGER, &Handle::hours, "Hours beyond those days.")
      .column("minutes", INTEGER, &Handle::minutes, "Minutes beyond those hours.")
      .column("seconds", INTEGER, &Handle::seconds, "Seconds beyond those minutes.")
      .column("total_seconds", BIGINT, &Handle::total, "All of it in seconds.")
      .example("SELECT * FROM uptime WHERE total_seconds < 3600");
}

}  // namespace osprey::tables
