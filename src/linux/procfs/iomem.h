// /proc/iomem: the map of physical memory, resources nested by indentation.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace osprey::linux {

struct MemoryRegion {
  std::string name;
  std::string start;  // hexadecimal digits as they stand in the file, padded to the width of the outermost range
  std::string end;    // inclusive
};

struct MemoryMap {
  std::vector<MemoryRegion> regions;  // in the file's order, an outer region before what it holds
  std::size_t skipped = 0;            // lines that could not be parsed
};
// Without the right to see addresses (CAP_SYS_ADMIN) the kernel writes zeros for all of them.
MemoryMap parse_iomem(std::string_view text);

}  // namespace osprey::linux
