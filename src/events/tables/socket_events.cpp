#include <cerrno>

#include "events/tables/table.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<SocketEvent>;

bool is_osquerys(const SocketEvent& event) {
  return event.action == "connect" || event.action == "bind" || event.action == "accept";
}

std::string descriptor(const Row& row) {
  return row.event.descriptor ? std::to_string(*row.event.descriptor) : std::string();
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
      .column(
          "action", TEXT, [](const Row& row) { return row.event.action; }, "bind, connect or accept.")
      .column("pid", BIGINT, row::pid, "Process id.")
      .column("path", TEXT, row::path, "Executable.")
      .column("fd", TEXT, descriptor, "File descriptor of the socket.")
      .column("auid", BIGINT, row::login_uid, "User that logged in; 4294967295 where nobody did.")
      .column(
          "family", INTEGER, [](const Row& row) { return row.event.family; },
          "Address family: 1 Unix, 2 IPv4, 10 IPv6.")
      .column(
          "protocol", INTEGER, [](const Row& row) { return row.event.protocol; }, "6 TCP, 17 UDP…", HIDDEN)
      .column(
          "local_address", TEXT, [](const Row& row) { return row.event.local_address; }, "Address on this host.")
      .column(
          "remote_address", TEXT, [](const Row& row) { return row.event.remote_address; }, "Address of the other side.")
      .column(
          "local_port", INTEGER, [](const Row& row) { return row.event.local_port; }, "Port on this host.")
      .column(
          "remote_port", INTEGER, [](const Row& row) { return row.event.remote_port; }, "Port of the other side.")
      .column(
          "socket", TEXT, [](const Row& row) { return row.event.socket; }, "Path or name of a Unix socket.", HIDDEN)
      .column("time", BIGINT, &Row::time, "When it happened, in Unix seconds.", ADDITIONAL)
      .column("uptime", BIGINT, row::uptime, "The same, in seconds since the machine was started.")
      .column("eid", TEXT, &Row::eid, "Number of the event.", HIDDEN)
      .column(
          "success", INTEGER, [](const Row& row) { return status(row) != "failed"; }, "0 if the call failed, else 1.",
          HIDDEN)
      .column("status", TEXT, status, "succeeded, failed, in_progress (connect) or no_client (accept).")
      .column("container_id", row::container_id, "Container of the process.", HIDDEN)
      .column("container_name", row::container_name, "Name of the container, as its engine has it.", HIDDEN)
      .column("container_image", row::container_image, "Image of the container, likewise.", HIDDEN)
      .column("unit", row::unit, "systemd unit of the process.", HIDDEN)
      .column("source", row::origin, "Who said so: bpf or audit.", HIDDEN)
      .column(
          "community_id", [](const Row& row) { return community_id_of(row.event); },
          "The connection's Community ID, as network sensors tell it.", HIDDEN)
      .column(
          "local_best_effort", [](const Row& row) { return row.event.local_is_best_effort; },
          "1 if the local side was asked for after the event.", HIDDEN)
      .column("process_key", row::process_key, "The process, told from others with its pid: pid and start.", HIDDEN)
      .example("SELECT pid, path, remote_address, remote_port FROM socket_events WHERE action = 'connect'");
}

}  // namespace osprey::events::tables
