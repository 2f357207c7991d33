#include "events/tables/bpf_columns.h"
#include "events/tables/socket_columns.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<SocketEvent>;

}  // namespace

Table bpf_socket_events() {
  return event_table<SocketEvent, is_from_bpf<SocketEvent>>(
             "bpf_socket_events",
             "What processes did with sockets, both sides' addresses told, as BPF saw "
             "it.")
      .columns(columns::bpf_caller)
      .column(
          "exit_code", TEXT, [](const Row& row) { return std::to_string(row.event.result); },
          "What came of it: a negative number is an errno.")
      .column(
          "probe_error", INTEGER, [](const Row&) { return std::int64_t{0}; }, "1 if something could not be read.")
      .column("syscall", TEXT, row::field<&SocketEvent::syscall>,
              "The system call, or what was done where none is known.")
      .column("path", TEXT, row::path, "Executable.")
      .columns(columns::socket_descriptor)
      .columns(columns::address_family)
      .column("type", INTEGER, row::field<&SocketEvent::type>, "1 stream, 2 datagrams…")
      .column("protocol", INTEGER, row::field<&SocketEvent::protocol>, "6 TCP, 17 UDP…")
      .columns(columns::addresses)
      .column("duration", INTEGER, row::field<&SocketEvent::duration>, "Nanoseconds that it took.")
      .columns(columns::bpf_when)
      .column("action", row::field<&SocketEvent::action>,
              "connect, accept, bind, listen, send (the first of a flow) or close.", HIDDEN)
      .columns(columns::community_id)
      .column(
          "net_namespace", [](const Row& row) { return number_text(row.event.network_namespace); },
          "Inode of the network namespace.", HIDDEN)
      .columns(columns::bpf_cgroup_id)
      .column("interface", row::field<&SocketEvent::interface>,
              "Network interface that has the local address; empty in other network namespaces.", HIDDEN)
      .column("direction", row::field<&SocketEvent::direction>, "outbound or inbound.", HIDDEN)
      .column("bytes_sent", row::field<&SocketEvent::bytes_sent>, "When it is closed: bytes sent.", HIDDEN)
      .column("bytes_received", row::field<&SocketEvent::bytes_received>, "When it is closed: bytes received.", HIDDEN)
      .column("cmdline", row::cmdline, "Arguments of the process, with a space between.", HIDDEN)
      .column("socket_cookie", row::field<&SocketEvent::cookie>, "Joins what happens to one socket.", HIDDEN)
      .columns(columns::bpf_attribution)
      .example("SELECT path, remote_address, remote_port FROM bpf_socket_events WHERE direction = 'outbound'");
}

}  // namespace osprey::events::tables
