#include "events/tables/table.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<MacEvent>;

}  // namespace

Table selinux_events() {
  return event_table<MacEvent>("selinux_events", "What SELinux told the audit system.")
      .column(
          "type", TEXT, [](const Row& row) { return row.event.type; }, "Type of the record: AVC, MAC_STATUS…")
      .column(
          "message", TEXT, [](const Row& row) { return row.event.message; }, "The record as it stands.")
      .column("time", BIGINT, &Row::time, "When it happened, in Unix seconds.", ADDITIONAL)
      .column("uptime", BIGINT, row::uptime, "The same, in seconds since the machine was started.")
      .column("eid", TEXT, &Row::eid, "Number of the event.", HIDDEN)
      .example("SELECT time, message FROM selinux_events WHERE type = 'AVC'");
}

}  // namespace osprey::events::tables
