#include "linux/files/protocols.h"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  osprey::linux::parse_protocols({reinterpret_cast<const char*>(data), size});
  return 0;
}
