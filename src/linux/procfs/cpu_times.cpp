#include "linux/procfs/cpu_times.h"

#include "base/text.h"

namespace osprey::linux {

std::vector<CpuTimes> parse_cpu_times(std::string_view text) {
  std::vector<CpuTimes> found;
  for (auto line : Lines(text)) {
    auto name = take_field(line);
    if (!name.starts_with("cpu")) continue;
    const auto core = parse<std::int64_t>(name.substr(3));
    if (!core || *core < 0) continue;
    CpuTimes times{.core = *core};
    for (auto& ticks : times.ticks) ticks = parse<std::int64_t>(take_field(line)).value_or(0);
    found.push_back(times);
  }
  return found;
}

}  // namespace osprey::linux
