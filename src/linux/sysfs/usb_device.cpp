#include "linux/sysfs/usb_device.h"

namespace osprey::linux {

Result<std::vector<std::string>> list_usb_devices(const Root& root) {
  std::vector<std::string> names;
  // Devices are 1-1.4 and usb1, an interface of one is 1-1.4:1.0.
  for (auto& entry : TRY(root.list("/sys/bus/usb/devices")))
    if (entry.name.find(':') == std::string::npos) names.push_back(std::move(entry.name));
  return names;
}

Result<std::string> read_usb_attribute(const Root& root, const std::string& device, std::string_view attribute) {
  return root.read_trimmed("/sys/bus/usb/devices/" + device + "/" + std::string(attribute));
}

}  // namespace osprey::linux
