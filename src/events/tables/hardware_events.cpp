#include "events/tables/table.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<HardwareEvent>;

template <std::string_view HardwareEvent::* field>
std::string_view text(const Row& row) {
  return row.event.*field;
}

}  // namespace

Table hardware_events() {
  return event_table<HardwareEvent>("hardware_events", "Devices that came, went and changed.")
      .column("action", TEXT, text<&HardwareEvent::action>, "add, remove, change, bind…")
      .column("path", TEXT, text<&HardwareEvent::path>, "Its node below /dev.")
      .column("type", TEXT, text<&HardwareEvent::type>, "Kind of device: disk, partition, usb_device…")
      .column("driver", TEXT, text<&HardwareEvent::driver>, "Driver that has it.")
      .column("vendor", TEXT, text<&HardwareEvent::vendor>, "Name of the vendor.")
      .column("vendor_id", TEXT, text<&HardwareEvent::vendor_id>, "Number of the vendor, in hexadecimal.", NOCASE)
      .column("model", TEXT, text<&HardwareEvent::model>, "Name of the model.")
      .column("model_id", TEXT, text<&HardwareEvent::model_id>, "Number of the model, in hexadecimal.", NOCASE)
      .column("serial", TEXT, text<&HardwareEvent::serial>, "Serial number.")
      .column("revision", TEXT, text<&HardwareEvent::revision>, "Revision.")
      .column("time", BIGINT, &Row::time, "When it happened, in Unix seconds.", ADDITIONAL)
      .column("eid", TEXT, &Row::eid, "Number of the event.", HIDDEN)
      .example("SELECT action, path, vendor, model, serial FROM hardware_events WHERE type = 'usb_device'")
      .note(
          "As osquery, only devices that have a type, a node or a driver, and a node or a model; "
          "--hardware_disabled_types leaves types out. Where udevd does not run, the kernel's messages are read, and "
          "names come from usb.ids and pci.ids.");
}

}  // namespace osprey::events::tables
