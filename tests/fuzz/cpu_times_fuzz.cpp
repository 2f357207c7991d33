#include <cstddef>
#include <cstdint>

#include "linux/procfs/cpu_times.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  osprey::linux::parse_cpu_times({reinterpret_cast<const char*>(data), size});
  return 0;
}
