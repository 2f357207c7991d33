#include <cstddef>
#include <cstdint>
#include <string_view>

#include "events/udev/uevent.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto event = osprey::events::parse_uevent_message({reinterpret_cast<const char*>(data), size});
  if (event) static_cast<void>((*event)["DEVPATH"].size());
  return 0;
}
