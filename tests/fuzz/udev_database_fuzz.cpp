#include <cstddef>
#include <cstdint>

#include "linux/files/udev_database.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& [name, value] : osprey::linux::parse_udev_data(text)) osprey::linux::decode_udev_value(value);
  osprey::linux::parse_uevent(text);
  return 0;
}
