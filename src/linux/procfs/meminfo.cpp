#include "linux/procfs/meminfo.h"

#include "base/text.h"

namespace osprey::linux {

std::map<std::string, std::int64_t, std::less<>> parse_meminfo(std::string_view text) {
  std::map<std::string, std::int64_t, std::less<>> values;
  for (auto line : Lines(text)) {
    const auto name = trim(take_until(line, ':'));
    const auto number = parse<std::int64_t>(take_field(line));
    const auto unit = trim(line);
    if (name.empty() || !number || *number < 0) continue;
    if (unit.empty())
      values.insert_or_assign(std::string(name), *number);
    else if (unit == "kB" && *number <= INT64_MAX / 1024)
      values.insert_or_assign(std::string(name), *number * 1024);
  }
  return values;
}

}  // namespace osprey::linux
