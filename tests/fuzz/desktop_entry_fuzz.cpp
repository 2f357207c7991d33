#include <cstddef>
#include <cstdint>

#include "linux/files/desktop_entry.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  osprey::linux::parse_desktop_entry(text);
  return 0;
}
