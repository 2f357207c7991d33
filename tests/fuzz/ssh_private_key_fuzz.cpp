#include <cstddef>
#include <cstdint>

#include "linux/files/ssh_private_key.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  osprey::linux::parse_private_key(text);
  return 0;
}
