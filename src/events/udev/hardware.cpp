// A device's message as an event of hardware.
#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "events/udev/udev_source.h"
#include "linux/files/hardware_ids.h"

namespace osprey::events {
namespace {

constexpr std::string_view kUsbDevice = "usb_device";

std::string attribute(const Root& root, const Uevent& uevent, std::string_view name) {
  return root.read_trimmed(fmt::format("/sys{}/{}", uevent["DEVPATH"], name)).value_or("");
}

// Numbers of PRODUCT=46d/c52b/1201 or PCI_ID=8086:1533, with leading zeros.
std::string padded(std::string_view number) {
  const auto value = parse<std::uint16_t>(number, 16);
  return value ? fmt::format("{:04x}", *value) : std::string();
}

// What udevd would have found out.
void take_from_kernel(const Root& root, const Uevent& uevent, HardwareTexts& texts) {
  std::string_view file;
  if (uevent["DEVTYPE"] == kUsbDevice) {
    auto product = uevent["PRODUCT"];
    texts.vendor_id = padded(take_until(product, '/'));
    texts.model_id = padded(take_until(product, '/'));
    texts.revision = padded(product);
    texts.serial = attribute(root, uevent, "serial");
    file = "usb.ids";
  } else if (auto id = uevent["PCI_ID"]; !id.empty()) {
    texts.vendor_id = padded(take_until(id, ':'));
    texts.model_id = padded(id);
    texts.revision = attribute(root, uevent, "revision");
    if (texts.revision.starts_with("0x")) texts.revision.erase(0, 2);
    file = "pci.ids";
  }
  const auto vendor = parse<std::uint16_t>(texts.vendor_id, 16);
  const auto model = parse<std::uint16_t>(texts.model_id, 16);
  if (!vendor || !model) return;
  auto text = linux::read_hardware_ids(root, file);
  if (!text) return;
  const linux::HardwareIds ids(std::move(*text));
  texts.vendor = ids.vendor(*vendor).value_or("");
  texts.model = ids.device(*vendor, *model).value_or("");
}

}  // namespace

bool describe_hardware(const Root& root, const Uevent& uevent, HardwareTexts& texts, HardwareEvent& event) {
  event.type = uevent["DEVTYPE"];
  if (event.type.empty()) return false;
  event.action = uevent["ACTION"];
  event.path = uevent["DEVNAME"];
  event.driver = uevent["DRIVER"];
  if (!event.path.empty() && !event.path.starts_with('/')) {
    texts.path = fmt::format("/dev/{}", event.path);
    event.path = texts.path;
  }
  if (event.driver.empty()) {
    texts.driver = root.read_link(fmt::format("/sys{}/driver", uevent["DEVPATH"])).value_or("");
    event.driver = texts.driver;
    event.driver.remove_prefix(event.driver.rfind('/') + 1);
  }
  if (event.path.empty() && event.driver.empty()) return false;
  if (uevent.from_udevd) {
    event.vendor = uevent["ID_VENDOR_FROM_DATABASE"];
    event.vendor_id = uevent["ID_VENDOR_ID"];
    event.model = uevent["ID_MODEL_FROM_DATABASE"];
    event.model_id = uevent["ID_MODEL_ID"];
    event.serial = uevent["ID_SERIAL_SHORT"];
    event.revision = uevent["ID_REVISION"];
  } else {
    take_from_kernel(root, uevent, texts);
    event.vendor = texts.vendor;
    event.vendor_id = texts.vendor_id;
    event.model = texts.model;
    event.model_id = texts.model_id;
    event.serial = texts.serial;
    event.revision = texts.revision;
  }
  return !event.path.empty() || !event.model.empty();
}

}  // namespace osprey::events
