#include <cstddef>
#include <cstdint>

#include "linux/files/passwd.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  osprey::linux::parse_passwd(text);
  osprey::linux::parse_group(text);
  return 0;
}
