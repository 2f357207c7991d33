// What a network driver says by ioctl(2) (netdevice(7), the kernel's ethtool.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace osprey::linux {

// Speed of the link in megabits a second; 0 where the driver does not know it. An error where it cannot tell at all.
Result<std::uint32_t> ethtool_speed(std::string_view interface);

// Where the device sits on its bus, a PCI address as 0000:00:03.0; empty for a device that sits on none.
Result<std::string> ethtool_bus_info(std::string_view interface);

}  // namespace osprey::linux
