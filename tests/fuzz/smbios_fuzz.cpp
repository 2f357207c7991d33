#include <cstddef>
#include <cstdint>

#include "linux/sysfs/smbios.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& structure : osprey::linux::parse_smbios(text))
    for (std::size_t offset = 0; offset < 300; ++offset) {
      structure.word(offset);
      structure.string(offset);
    }
  return 0;
}
