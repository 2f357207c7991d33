#include <cstddef>
#include <cstdint>

#include "linux/http/prometheus.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  osprey::linux::parse_prometheus({reinterpret_cast<const char*>(data), size});
  return 0;
}
