// PCI devices as sysfs has them (Documentation/PCI/sysfs-pci.rst).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/root.h"

namespace osprey::linux {

struct PciId {
  std::uint16_t vendor = 0;
  std::uint16_t device = 0;
};

struct PciDevice {
  std::string slot;    // domain, bus, device and function: "0000:00:1f.2"
  std::string driver;  // empty where none has it
  std::optional<PciId> id;
  std::optional<PciId> subsystem;  // the card that the chip sits on
  std::optional<std::uint8_t> device_class;
  std::optional<std::uint8_t> subclass;
};

// From the text of a device's uevent file.
PciDevice parse_pci_uevent(std::string slot, std::string_view uevent);

// Slots that hold a device, sorted.
Result<std::vector<std::string>> list_pci_devices(const Root& root);
Result<PciDevice> read_pci_device(const Root& root, const std::string& slot);

}  // namespace osprey::linux
