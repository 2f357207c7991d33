#include "events/tables/table.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<HardwareEvent>;

}  // namespace

Table hardware_events() {
  return event_table<HardwareEvent>("hardware_events", "Devices that came, went and changed.")
      .column("action", TEXT, row::field<&HardwareEvent::action>, "add, remove, change, bind…")
      .column("path", TEXT, row::field<&HardwareEvent::path>, "Its node below /dev.")
      .column("type", TEXT, row::field<&HardwareEvent::type>, "Kind of device: disk, partition, usb_device…")
      .column("driver", TEXT, row::field<&HardwareEvent::driver>, "Driver that has it.")
      .column("vendor", TEXT, row::field<&HardwareEvent::vendor>, "Name of the vendor.")
      .column("vendor_id", TEXT, row::field<&HardwareEvent::vendor_id>, "Number of the vendor, in hexadecimal.", NOCASE)
      .column("model", TEXT, row::field<&HardwareEvent::model>, "Name of the model.")
      .column("model_id", TEXT, row::field<&HardwareEvent::model_id>, "Number of the model, in hexadecimal.", NOCASE)
      .column("serial", TEXT, row::field<&HardwareEvent::serial>, "Serial number.")
      .column("revision", TEXT, row::field<&HardwareEvent::revision>, "Revision.")
      .column("time", BIGINT, &Row::time, "When it happened, in Unix seconds.", ADDITIONAL)
      .column("eid", TEXT, &Row::eid, "Number of the event.", HIDDEN)
      .example("SELECT action, path, vendor, model, serial FROM hardware_events WHERE type = 'usb_device'")
      .note(
          "As osquery, only devices that have a type, a node or a driver, and a node or a model; "
          "--hardware_disabled_types leaves types out. Where udevd does not run, the kernel's messages are read, and "
          "names come from usb.ids and pci.ids.");
}

}  // namespace osprey::events::tables
