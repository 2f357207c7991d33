#include "linux/sysfs/usb_device.h"

#include "base/text.h"
#include "linux/files/udev_database.h"
#include "tables/devices/hardware_names.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

struct Handle {
  std::string device;  // the folder's name
  HardwareNames* names;

  Result<std::string> attribute(std::string_view name) const {
    return linux::read_usb_attribute(names->root(), device, name);
  }
  template <class T>
  std::optional<T> number(std::string_view name, int base) const {
    const auto text = attribute(name);
    return text ? parse<T>(trim(*text), base) : std::nullopt;
  }
  // A class's number: the file has it in hexadecimal, osquery in decimal.
  std::optional<std::string> decimal(std::string_view name) const {
    const auto value = number<std::uint8_t>(name, 16);
    return value ? std::optional(std::to_string(*value)) : std::nullopt;
  }
  // A name by the numbers, by what udevd knows, or as the device calls itself.
  std::optional<std::string> name(std::optional<std::string_view> listed, std::string_view property,
                                  std::string_view own) const {
    if (listed) return std::string(*listed);
    if (const auto address = number<std::uint8_t>("busnum", 10), port = number<std::uint8_t>("devnum", 10);
        address && port) {
      // Minor numbers run over all buses, 128 a bus (Documentation/admin-guide/devices.txt).
      const auto node = (*address - 1) * 128 + *port - 1;
      const auto known = linux::read_udev_properties(names->root(), "c189:" + std::to_string(node));
      if (const auto found = known.find(property); found != known.end()) return found->second;
    }
    auto called = attribute(own);
    return called ? std::optional(std::move(*called)) : std::nullopt;
  }
  std::optional<std::string> vendor() const {
    const auto maker = number<std::uint16_t>("idVendor", 16);
    return name(maker ? names->ids().vendor(*maker) : std::nullopt, "ID_VENDOR_FROM_DATABASE", "manufacturer");
  }
  std::optional<std::string> model() const {
    const auto maker = number<std::uint16_t>("idVendor", 16);
    const auto product = number<std::uint16_t>("idProduct", 16);
    return name(maker && product ? names->ids().device(*maker, *product) : std::nullopt, "ID_MODEL_FROM_DATABASE",
                "product");
  }
  Result<int> removable() const {
    const auto text = TRY(attribute("removable"));
    return text == "removable" ? 1 : text == "fixed" ? 0 : -1;
  }
};

Rows<Handle> scan(const Scan& scan) {
  const auto devices = scan.take(linux::list_usb_devices(scan.root()));
  if (!devices) co_return;
  HardwareNames names(scan, "usb.ids");
  for (const auto& device : *devices) {
    Handle handle{device, &names};
    co_yield handle;
    if (scan.interrupted()) co_return;
  }
}

}  // namespace

Table usb_devices() {
  return table("usb_devices", "Devices on the USB buses, hubs included.", scan)
      .column(
          "usb_address", INTEGER, [](const Handle& h) { return h.number<std::int64_t>("busnum", 10); },
          "Number of the bus.")
      .column(
          "usb_port", INTEGER, [](const Handle& h) { return h.number<std::int64_t>("devnum", 10); },
          "Number of the device on its bus; a new one each time it is plugged in.")
      .column("vendor", TEXT, &Handle::vendor, "Name of the vendor.")
      .column(
          "vendor_id", TEXT, [](const Handle& h) { return h.attribute("idVendor"); },
          "The vendor's number, four hexadecimal digits.", NOCASE)
      .column(
          "version", TEXT, [](const Handle& h) { return h.attribute("bcdDevice"); },
          "Release of the device: two digits before the point and two after it, without the point.", VERSION)
      .column("model", TEXT, &Handle::model, "Name of the model.")
      .column(
          "model_id", TEXT, [](const Handle& h) { return h.attribute("idProduct"); },
          "The model's number, four hexadecimal digits.", NOCASE)
      .column(
          "serial", TEXT, [](const Handle& h) { return h.attribute("serial"); }, "Serial number, if it has one.")
      .column(
          "class", TEXT, [](const Handle& h) { return h.decimal("bDeviceClass"); },
          "Number of the class; 0 where each interface has its own.")
      .column(
          "subclass", TEXT, [](const Handle& h) { return h.decimal("bDeviceSubClass"); }, "Number of the subclass.")
      .column(
          "protocol", TEXT, [](const Handle& h) { return h.decimal("bDeviceProtocol"); }, "Number of the protocol.")
      .column("removable", INTEGER, &Handle::removable,
              "1 if a person can unplug it, 0 if it is built in, -1 if that is not known.")
      .example("SELECT vendor, model, serial FROM usb_devices WHERE removable = 1")
      .note("Proven on a hand-made tree and in a guest (tests/guest): the machine that osprey is built on has no USB.");
}

}  // namespace osprey::tables
