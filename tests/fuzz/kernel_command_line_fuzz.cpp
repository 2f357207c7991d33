#include <cstddef>
#include <cstdint>

#include "linux/procfs/kernel_command_line.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  osprey::linux::parse_kernel_command_line({reinterpret_cast<const char*>(data), size});
  return 0;
}
