#include "events/kinds/actor.h"

#include <array>

namespace osprey::events {

std::string_view name_of(Origin origin) noexcept {
  constexpr std::array<std::string_view, 13> kNames = {"",          "bpf",  "audit",  "fanotify", "inotify",
                                                       "connector", "udev", "kernel", "journal",  "syslog",
                                                       "utmp",      "yara", "engines"};
  const auto index = static_cast<std::size_t>(origin);
  return index < kNames.size() ? kNames[index] : "";
}

}  // namespace osprey::events
