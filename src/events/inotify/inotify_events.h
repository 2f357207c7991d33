// The bytes that read(2) gives from an inotify descriptor (inotify(7)).
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace osprey::events {

struct InotifyEvent {
  int watch = -1;
  std::uint32_t mask = 0;  // IN_*
  std::uint32_t cookie = 0;
  std::string_view name;  // empty: the watched directory itself
};

// Takes the first event off `bytes`, which are not empty. An error: the rest makes no sense.
Result<InotifyEvent> take_inotify_event(std::string_view& bytes);

}  // namespace osprey::events
