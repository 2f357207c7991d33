#include <cstddef>
#include <cstdint>

#include "linux/procfs/sysvipc_shm.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  osprey::linux::parse_sysvipc_shm({reinterpret_cast<const char*>(data), size});
  return 0;
}
