#include "events/tables/table.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<SyslogEvent>;

}  // namespace

Table syslog_events() {
  return event_table<SyslogEvent>("syslog_events", "What programs told the system's log.")
      .alias("syslog")
      .column("time", BIGINT, &Row::time, "When it was received, in Unix seconds.", ADDITIONAL)
      .column("datetime", TEXT, row::field<&SyslogEvent::datetime>, "Time that the message names.")
      .column("host", TEXT, row::field<&SyslogEvent::host>, "Host that the message names.")
      .column("severity", INTEGER, row::field<&SyslogEvent::severity>, "0, emergency, to 7, debug.")
      .column("facility", TEXT, row::field<&SyslogEvent::facility>, "kern, user, auth, daemon…")
      .column("tag", TEXT, row::field<&SyslogEvent::tag>, "Program, with its pid in brackets.")
      .column("message", TEXT, row::field<&SyslogEvent::message>, "What it said.")
      .column("eid", TEXT, &Row::eid, "Number of the event.", HIDDEN)
      .column("source", TEXT, row::field<&SyslogEvent::source>, "pipe, journal or socket.", HIDDEN)
      .column("pid", BIGINT, row::known_pid, "The sender, as the kernel knows it; NULL from the pipe.", HIDDEN)
      .column("uid", BIGINT, row::uid, "Its user.", HIDDEN)
      .column("exe", TEXT, row::path, "Its executable.", HIDDEN)
      .column("unit", TEXT, row::unit, "Its systemd unit.", HIDDEN)
      .column("container_id", TEXT, row::container_id, "Its container.", HIDDEN)
      .column("msgid", TEXT, row::field<&SyslogEvent::msgid>,
              "Kind of message (RFC 5424), or the journal's MESSAGE_ID.", HIDDEN)
      .column("structured_data", TEXT, row::field<&SyslogEvent::structured_data>, "As it is written (RFC 5424).",
              HIDDEN)
      .example("SELECT datetime, tag, message FROM syslog_events WHERE severity <= 3")
      .note(
          "Lines of the pipe that cannot be read are counted and left out, however many there are; osquery gives up "
          "after ten.");
}

}  // namespace osprey::events::tables
