#include <cstddef>
#include <cstdint>
#include <string_view>

#include "events/connector/process_connector.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  while (osprey::events::take_connector_event(rest)) continue;
  return 0;
}
