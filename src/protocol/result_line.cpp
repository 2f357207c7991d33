#include "protocol/result_line.h"

#include <fmt/format.h>

#include <array>
#include <ctime>

namespace osprey::protocol {

std::string calendar_time(std::int64_t unix_time) {
  constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = unix_time;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{} {} {:2} {:02}:{:02}:{:02} {} UTC", kDays[static_cast<std::size_t>(parts.tm_wday)],
                     kMonths[static_cast<std::size_t>(parts.tm_mon)], parts.tm_mday, parts.tm_hour, parts.tm_min,
                     parts.tm_sec, parts.tm_year + 1900);
}

}  // namespace osprey::protocol
