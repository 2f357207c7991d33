#include <cstddef>
#include <cstdint>

#include "linux/files/os_release.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  osprey::linux::parse_os_release(text);
  osprey::linux::parse_release_line(text);
  return 0;
}
