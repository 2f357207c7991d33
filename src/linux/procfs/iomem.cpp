#include "linux/procfs/iomem.h"

#include "base/text.h"

namespace osprey::linux {

Parsed<MemoryRegion> parse_iomem(std::string_view text) {
  Parsed<MemoryRegion> map;
  for (auto line : Lines(text)) {
    line = trim(line);
    if (line.empty()) continue;
    const auto colon = line.find(" : ");
    auto range = line.substr(0, colon);
    const auto start = take_until(range, '-');
    if (colon == line.npos || !parse<std::uint64_t>(start, 16) || !parse<std::uint64_t>(range, 16)) {
      ++map.skipped;
      continue;
    }
    map.entries.push_back({std::string(line.substr(colon + 3)), std::string(start), std::string(range)});
  }
  return map;
}

}  // namespace osprey::linux
