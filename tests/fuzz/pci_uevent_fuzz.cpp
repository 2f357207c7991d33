#include <cstddef>
#include <cstdint>

#include "linux/sysfs/pci_device.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  osprey::linux::parse_pci_uevent("0000:00:1f.2", text);
  return 0;
}
