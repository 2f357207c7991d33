#include <fmt/format.h>

#include <array>
#include <ctime>

#include "tables/table.h"

namespace osprey::tables {
namespace {

struct Handle {
  std::time_t now;
  std::tm utc;

  std::string formatted(const char* format) const {
    std::array<char, 64> text;
    return {text.data(), std::strftime(text.data(), text.size(), format, &utc)};
  }
  std::string weekday() const { return formatted("%A"); }
  std::string timestamp() const { return formatted("%a %b %e %H:%M:%S %Y UTC"); }
  std::string iso_8601() const { return formatted("%Y-%m-%dT%H:%M:%SZ"); }
  std::string local_timezone() const {
    std::tm local;
    ::localtime_r(&now, &local);
    return local.tm_zone;
  }
};

Rows<Handle> scan(const Scan&) {
  Handle handle{.now = std::time(nullptr), .utc = {}};
  ::gmtime_r(&handle.now, &handle.utc);
  co_yield handle;
}

}  // namespace

Table time() {
  return table("time", "The time of day now, in UTC.", scan)
      .column("weekday", TEXT, &Handle::weekday, "Day of the week, its English name.")
      .column(
          "year", INTEGER, [](const Handle& h) { return h.utc.tm_year + 1900; }, "Year.")
      .column(
          "month", INTEGER, [](const Handle& h) { return h.utc.tm_mon + 1; }, "Month, 1 to 12.")
      .column(
          "day", INTEGER, [](const Handle& h) { return h.utc.tm_mday; }, "Day of the month.")
      .column(
          "hour", INTEGER, [](const Handle& h) { return h.utc.tm_hour; }, "Hour, 0 to 23.")
      .column(
          "minutes", INTEGER, [](const Handle& h) { return h.utc.tm_min; }, "Minute.")
      .column(
          "seconds", INTEGER, [](const Handle& h) { return h.utc.tm_sec; }, "Second.")
      .column(
          "timezone", TEXT, [](const Handle&) -> std::string_view { return "UTC"; },
          "Zone of the columns here: always UTC.")
      .column("local_timezone", TEXT, &Handle::local_timezone, "Abbreviation of the zone that the host keeps.")
      .column("unix_time", INTEGER, &Handle::now, "Seconds since 1970.")
      .column("timestamp", TEXT, &Handle::timestamp, "The time as asctime(3) writes it, and the zone.")
      .column("datetime", TEXT, &Handle::iso_8601, "The time as ISO 8601 writes it.")
      .column("iso_8601", TEXT, &Handle::iso_8601, "The same as datetime.")
      .foreign(BIGINT, {"win_timestamp"})
      .column_alias("date_time", "datetime")
      .host_only()
      .utility()
      .example("SELECT unix_time, local_timezone FROM time");
}

}  // namespace osprey::tables
