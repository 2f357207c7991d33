#include "linux/sysfs/pci_device.h"

#include <fmt/format.h>

#include "linux/files/udev_database.h"
#include "tables/devices/hardware_names.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

using linux::PciDevice;
using linux::PciId;

using Name = std::optional<std::string>;
Name text(std::optional<std::string_view> name) { return name ? Name(*name) : std::nullopt; }
template <class Number>
Name hexadecimal(std::optional<Number> number, int digits) {
  return number ? Name(fmt::format("0x{:0{}x}", *number, digits)) : std::nullopt;
}

struct Handle {
  PciDevice device;
  HardwareNames* names;
  std::optional<linux::UdevProperties> udev{};

  // What udevd knows, which has a database of its own.
  Name known(std::string_view property) {
    if (!udev) udev = linux::read_udev_properties(names->root(), "+pci:" + device.slot);
    const auto found = udev->find(property);
    return found == udev->end() ? std::nullopt : Name(found->second);
  }
  Name vendor() {
    const auto name = device.id ? names->ids().vendor(device.id->vendor) : std::nullopt;
    return name ? text(name) : known("ID_VENDOR_FROM_DATABASE");
  }
  Name model() {
    const auto name = device.id ? names->ids().device(device.id->vendor, device.id->device) : std::nullopt;
    return name ? text(name) : known("ID_MODEL_FROM_DATABASE");
  }
  Name pci_class() {
    const auto name = device.device_class ? names->ids().device_class(*device.device_class) : std::nullopt;
    return name ? text(name) : known("ID_PCI_CLASS_FROM_DATABASE");
  }
  Name pci_subclass() {
    const auto name =
        device.device_class ? names->ids().subclass(*device.device_class, *device.subclass) : std::nullopt;
    return name ? text(name) : known("ID_PCI_SUBCLASS_FROM_DATABASE");
  }
  Name subsystem_vendor() {
    return device.subsystem ? text(names->ids().vendor(device.subsystem->vendor)) : std::nullopt;
  }
  Name subsystem_model() {
    if (!device.id || !device.subsystem) return std::nullopt;
    return text(names->ids().subsystem(device.id->vendor, device.id->device, device.subsystem->vendor,
                                       device.subsystem->device));
  }
};

template <std::optional<PciId> PciDevice::* which, std::uint16_t PciId::* part>
Name id(const Handle& handle) {
  const auto& pair = handle.device.*which;
  return pair ? hexadecimal(std::optional((*pair).*part), 4) : std::nullopt;
}

Rows<Handle> scan(const Scan& scan) {
  const auto slots = scan.take(linux::list_pci_devices(scan.root()));
  if (!slots) co_return;
  HardwareNames names(scan, "pci.ids");
  for (const auto& slot : *slots) {
    auto device = scan.take(linux::read_pci_device(scan.root(), slot));
    if (!device) continue;
    Handle handle{std::move(*device), &names};
    co_yield handle;
    if (scan.interrupted()) co_return;
  }
}

}  // namespace

Table pci_devices() {
  return table("pci_devices", "Devices on the PCI buses.", scan)
      .column(
          "pci_slot", TEXT, [](const Handle& h) -> std::string_view { return h.device.slot; },
          "Domain, bus, device and function.")
      .column("pci_class", TEXT, &Handle::pci_class, "Name of the device's class.")
      .column(
          "driver", TEXT, [](const Handle& h) -> std::string_view { return h.device.driver; }, "Driver that has it.")
      .column("vendor", TEXT, &Handle::vendor, "Name of the chip's vendor.")
      .column("vendor_id", TEXT, id<&PciDevice::id, &PciId::vendor>, "The vendor's number: 0x8086.", NOCASE)
      .column("model", TEXT, &Handle::model, "Name of the chip.")
      .column("model_id", TEXT, id<&PciDevice::id, &PciId::device>, "The chip's number.", NOCASE)
      .column(
          "pci_class_id", TEXT, [](const Handle& h) { return hexadecimal(h.device.device_class, 2); },
          "The class's number: 0x02.", NOCASE)
      .column(
          "pci_subclass_id", TEXT, [](const Handle& h) { return hexadecimal(h.device.subclass, 2); },
          "The subclass's number.", NOCASE)
      .column("pci_subclass", TEXT, &Handle::pci_subclass, "Name of the device's subclass.")
      .column("subsystem_vendor_id", TEXT, id<&PciDevice::subsystem, &PciId::vendor>, "Number of the card's vendor.",
              NOCASE)
      .column("subsystem_vendor", TEXT, &Handle::subsystem_vendor, "Name of the card's vendor.")
      .column("subsystem_model_id", TEXT, id<&PciDevice::subsystem, &PciId::device>, "The card's number.", NOCASE)
      .column("subsystem_model", TEXT, &Handle::subsystem_model, "Name of the card.")
      .example("SELECT pci_slot, vendor, model, driver FROM pci_devices WHERE pci_class_id = '0x02'")
      .note("Names from pci.ids where it is installed, otherwise those that udevd knows.");
}

}  // namespace osprey::tables
