// Tables of cron(8): crontab(5), those of users and those of the system, which name a user on each line.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "linux/files/parsed.h"

namespace osprey::linux {

struct CrontabEntry {
  std::size_t line = 0;              // counted from 1
  std::optional<std::string> event;  // "@reboot" and the like; the five fields are unset then
  std::optional<std::string> minute;
  std::optional<std::string> hour;
  std::optional<std::string> day_of_month;
  std::optional<std::string> month;
  std::optional<std::string> day_of_week;
  std::string command;  // the rest, runs of blanks made one; a system table's user stands in front
};

// Comments and variables are left out.
Parsed<CrontabEntry> parse_crontab(std::string_view text);

}  // namespace osprey::linux
