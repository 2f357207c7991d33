#include <cstddef>
#include <cstdint>

#include "linux/procfs/modules.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  osprey::linux::parse_modules({reinterpret_cast<const char*>(data), size});
  return 0;
}
