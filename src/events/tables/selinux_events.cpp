#include "events/tables/table.h"

namespace osprey::events::tables {

Table selinux_events() {
  return event_table<MacEvent>("selinux_events", "What SELinux told the audit system.")
      .column("type", TEXT, row::field<&MacEvent::type>, "Type of the record: AVC, MAC_STATUS…")
      .column("message", TEXT, row::field<&MacEvent::message>, "The record as it stands.")
      .columns(columns::when)
      .example("SELECT time, message FROM selinux_events WHERE type = 'AVC'");
}

}  // namespace osprey::events::tables
