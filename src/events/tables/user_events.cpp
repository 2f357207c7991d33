#include "events/tables/table.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<UserEvent>;

}  // namespace

Table user_events() {
  return event_table<UserEvent>("user_events", "What programs told the audit system: logins, changes of accounts.")
      .column("uid", BIGINT, row::uid, "User of the process.")
      .column("auid", BIGINT, row::login_uid, "User that logged in; 4294967295 where nobody did.")
      .column("pid", BIGINT, row::pid, "Process id.")
      .column(
          "message", TEXT, [](const Row& row) { return row.event.message; }, "What it said, without the quotes.")
      .column(
          "type", INTEGER, [](const Row& row) { return row.event.type; }, "Type of the record, 1100 to 1199.")
      .column("path", TEXT, row::path, "Executable, as the message has it.")
      .column(
          "address", TEXT, [](const Row& row) { return row.event.address; }, "Address of the other side.")
      .column(
          "terminal", TEXT, [](const Row& row) { return row.event.terminal; }, "Terminal.")
      .column("time", BIGINT, &Row::time, "When it happened, in Unix seconds.", ADDITIONAL)
      .column("uptime", BIGINT, row::uptime, "The same, in seconds since the machine was started.")
      .column("eid", TEXT, &Row::eid, "Number of the event.", HIDDEN)
      .example("SELECT time, uid, message FROM user_events WHERE type = 1112");
}

}  // namespace osprey::events::tables
