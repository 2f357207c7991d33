// Messages about devices: the kernel's (lib/kobject_uevent.c) and those that udevd sends on with what it has found out
// (systemd's src/libsystemd/sd-device/device-monitor.c).
#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace osprey::events {

// Views into the message.
struct Uevent {
  bool from_udevd = false;
  std::vector<std::pair<std::string_view, std::string_view>> properties;

  // Empty where there is none of that name.
  std::string_view operator[](std::string_view name) const noexcept;
};

// Empty: it is neither.
std::optional<Uevent> parse_uevent_message(std::string_view message);

}  // namespace osprey::events
