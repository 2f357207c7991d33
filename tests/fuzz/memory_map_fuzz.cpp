#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/text.h"
#include "linux/procfs/memory_map.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto line : osprey::Lines(text)) osprey::linux::parse_memory_mapping(line);
  return 0;
}
