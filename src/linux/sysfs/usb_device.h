// USB devices as sysfs has them (Documentation/ABI/testing/sysfs-bus-usb).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/root.h"

namespace osprey::linux {

// Names of the devices' folders, sorted; their interfaces are left out.
Result<std::vector<std::string>> list_usb_devices(const Root& root);
// One of a device's attributes: idVendor, bcdDevice, serial…
Result<std::string> read_usb_attribute(const Root& root, const std::string& device, std::string_view attribute);

}  // namespace osprey::linux
