#include "events/tables/table.h"

namespace osprey::events::tables {

Table user_events() {
  return event_table<UserEvent>("user_events", "What programs told the audit system: logins, changes of accounts.")
      .column("uid", BIGINT, row::uid, "User of the process.")
      .column("auid", BIGINT, row::login_uid, "User that logged in; 4294967295 where nobody did.")
      .column("pid", BIGINT, row::pid, "Process id.")
      .column("message", TEXT, row::field<&UserEvent::message>, "What it said, without the quotes.")
      .column("type", INTEGER, row::field<&UserEvent::type>, "Type of the record, 1100 to 1199.")
      .column("path", TEXT, row::path, "Executable, as the message has it.")
      .column("address", TEXT, row::field<&UserEvent::address>, "Address of the other side.")
      .column("terminal", TEXT, row::field<&UserEvent::terminal>, "Terminal.")
      .columns(columns::when)
      .example("SELECT time, uid, message FROM user_events WHERE type = 1112");
}

}  // namespace osprey::events::tables
