#include "linux/files/crontab.h"

#include <array>

#include "base/text.h"

namespace osprey::linux {
namespace {

// NAME = value; the name may be quoted.
bool is_variable(std::string_view line) {
  const auto name_end = line.find_first_of("= \t");
  if (name_end == line.npos) return false;
  return trim_left(line.substr(name_end)).starts_with('=');
}

std::string joined(std::string_view text) {
  std::string words;
  for (auto word = take_field(text); !word.empty(); word = take_field(text)) {
    if (!words.empty()) words += ' ';
    words += word;
  }
  return words;
}

}  // namespace

Parsed<CrontabEntry> parse_crontab(std::string_view text) {
  static constexpr std::array kTimes = {&CrontabEntry::minute, &CrontabEntry::hour, &CrontabEntry::day_of_month,
                                        &CrontabEntry::month, &CrontabEntry::day_of_week};
  Parsed<CrontabEntry> crontab;
  std::size_t number = 0;
  for (auto line : Lines(text)) {
    ++number;
    line = trim(line);
    if (line.empty() || line.front() == '#' || is_variable(line)) continue;
    CrontabEntry entry{.line = number};
    if (line.front() == '@') {
      entry.event = take_field(line);
    } else {
      for (const auto field : kTimes) entry.*field = take_field(line);
    }
    entry.command = joined(line);
    if (entry.command.empty())
      ++crontab.skipped;
    else
      crontab.entries.push_back(std::move(entry));
  }
  return crontab;
}

}  // namespace osprey::linux
