#include <cstddef>
#include <cstdint>

#include "linux/files/hardware_ids.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const osprey::linux::HardwareIds ids{std::string(text)};
  ids.device(0x8086, 0x1521);
  ids.subsystem(0x8086, 0x1521, 0x8086, 0x0001);
  ids.subclass(0x01, 0x06);
  return 0;
}
