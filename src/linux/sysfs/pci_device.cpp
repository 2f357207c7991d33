#include "linux/sysfs/pci_device.h"

#include "base/text.h"
#include "linux/files/udev_database.h"

namespace osprey::linux {
namespace {

// "8086:1237"
std::optional<PciId> parse_id(std::string_view text) {
  const auto vendor = parse<std::uint16_t>(take_until(text, ':'), 16);
  const auto device = parse<std::uint16_t>(text, 16);
  if (!vendor || !device) return std::nullopt;
  return PciId{*vendor, *device};
}

}  // namespace

PciDevice parse_pci_uevent(std::string slot, std::string_view uevent) {
  PciDevice device{
      .slot = std::move(slot), .driver = {}, .id = {}, .subsystem = {}, .device_class = {}, .subclass = {}};
  for (const auto& [name, value] : parse_uevent(uevent)) {
    if (name == "DRIVER") {
      device.driver = value;
    } else if (name == "PCI_ID") {
      device.id = parse_id(value);
    } else if (name == "PCI_SUBSYS_ID") {
      device.subsystem = parse_id(value);
    } else if (name == "PCI_CLASS") {
      // Class, subclass and programming interface, a byte each: "60100" is 06, 01, 00.
      const auto number = parse<std::uint32_t>(value, 16);
      if (!number || *number > 0xffffff) continue;
      device.device_class = static_cast<std::uint8_t>(*number >> 16);
      device.subclass = static_cast<std::uint8_t>(*number >> 8);
    }
  }
  return device;
}

Result<std::vector<std::string>> list_pci_devices(const Root& root) {
  std::vector<std::string> slots;
  for (auto& entry : TRY(root.list("/sys/bus/pci/devices"))) slots.push_back(std::move(entry.name));
  return slots;
}

Result<PciDevice> read_pci_device(const Root& root, const std::string& slot) {
  return parse_pci_uevent(slot, TRY(root.read("/sys/bus/pci/devices/" + slot + "/uevent")).bytes);
}

}  // namespace osprey::linux
