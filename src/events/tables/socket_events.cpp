#include <cerrno>

#include "events/tables/socket_columns.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<SocketEvent>;

bool is_osquerys(const SocketEvent& event) {
  return event.action == "connect" || event.action == "bind" || event.action == "accept";
}

std::string_view status(const Row& row) {
  if (row.event.result >= 0) return "succeeded";
  if (row.event.action == "connect" && row.event.result == -EINPROGRESS) return "in_progress";
  if (row.event.action == "accept" && row.event.result == -EAGAIN) return "no_client";
  return "failed";
}

}  // namespace

Table socket_events() {
  return event_table<SocketEvent, is_osquerys>("socket_events", "Sockets that were bound, connected and accepted.")
      .column("action", TEXT, row::field<&SocketEvent::action>, "bind, connect or accept.")
      .column("pid", BIGINT, row::pid, "Process id.")
      .column("path", TEXT, row::path, "Executable.")
      .columns(columns::socket_descriptor)
      .column("auid", BIGINT, row::login_uid, "User that logged in; 4294967295 where nobody did.")
      .columns(columns::address_family)
      .column("protocol", INTEGER, row::field<&SocketEvent::protocol>, "6 TCP, 17 UDP…", HIDDEN)
      .columns(columns::addresses)
      .column("socket", TEXT, row::field<&SocketEvent::socket>, "Path or name of a Unix socket.", HIDDEN)
      .columns(columns::when)
      .column(
          "success", INTEGER, [](const Row& row) { return status(row) != "failed"; }, "0 if the call failed, else 1.",
          HIDDEN)
      .column("status", TEXT, status, "succeeded, failed, in_progress (connect) or no_client (accept).")
      .columns(columns::container_and_unit)
      .column("source", row::origin, "Who said so: bpf or audit.", HIDDEN)
      .columns(columns::community_id)
      .column("local_best_effort", row::field<&SocketEvent::local_is_best_effort>,
              "1 if the local side was asked for after the event.", HIDDEN)
      .columns(columns::process_key)
      .columns(columns::username)
      .example("SELECT pid, path, remote_address, remote_port FROM socket_events WHERE action = 'connect'");
}

}  // namespace osprey::events::tables
