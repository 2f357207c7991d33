// What udevd has found out about a device: /run/udev/data (its files are written by udevd alone; their format is that
// of systemd's libsystemd/sd-device).
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/root.h"

namespace osprey::linux {

using UdevProperties = std::map<std::string, std::string, std::less<>>;

// The E: lines of a file.
UdevProperties parse_udev_data(std::string_view text);

// By the device's id there: "b8:1", "c189:0", "+pci:0000:00:1f.2". Empty where udevd does not run.
UdevProperties read_udev_properties(const Root& root, std::string_view id);

// A value of the kind that udev encodes (ID_FS_LABEL_ENC): \x20 for a blank and so on.
std::string decode_udev_value(std::string_view text);

// The properties in a device's uevent file in sysfs: NAME=value lines.
UdevProperties parse_uevent(std::string_view text);

}  // namespace osprey::linux
