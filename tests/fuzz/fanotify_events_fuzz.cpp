#include <cstddef>
#include <cstdint>

#include "events/fanotify/fanotify_events.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  while (!bytes.empty()) {
    const auto event = osprey::events::take_fanotify_event(bytes);
    if (!event) break;
    if (event->entry) osprey::events::filesystem_of(event->entry->directory);
  }
  return 0;
}
