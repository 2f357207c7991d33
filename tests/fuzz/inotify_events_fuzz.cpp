#include <cstddef>
#include <cstdint>

#include "events/inotify/inotify_events.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  while (!bytes.empty())
    if (!osprey::events::take_inotify_event(bytes)) break;
  return 0;
}
