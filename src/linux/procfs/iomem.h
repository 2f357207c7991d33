// /proc/iomem: the map of physical memory, resources nested by indentation.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "linux/files/parsed.h"

namespace osprey::linux {

struct MemoryRegion {
  std::string name;
  std::string start;  // hexadecimal digits as they stand in the file, padded to the width of the outermost range
  std::string end;    // inclusive
};

// In the file's order, an outer region before what it holds. Without the right to see addresses (CAP_SYS_ADMIN) the
// kernel writes zeros for all of them.
Parsed<MemoryRegion> parse_iomem(std::string_view text);

}  // namespace osprey::linux
