#include "events/tables/table.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<SocketEvent>;

bool from_bpf(const SocketEvent& event) { return event.header.origin == Origin::bpf; }

}  // namespace

Table bpf_socket_events() {
  return event_table<SocketEvent, from_bpf>("bpf_socket_events",
                                            "What processes did with sockets, both sides' addresses told, as BPF saw "
                                            "it.")
      .column("tid", BIGINT, row::tid, "Thread id.")
      .column("pid", BIGINT, row::pid, "Process id.")
      .column("parent", BIGINT, row::parent, "Pid of the parent.")
      .column("uid", BIGINT, row::uid, "User id.")
      .column("gid", BIGINT, row::gid, "Group id.")
      .column(
          "cid", INTEGER, [](const Row& row) { return static_cast<std::uint32_t>(row.event.actor.cgroup_id); },
          "Control group id, cut to 32 bits.")
      .column(
          "exit_code", TEXT, [](const Row& row) { return std::to_string(row.event.result); },
          "What came of it: a negative number is an errno.")
      .column(
          "probe_error", INTEGER, [](const Row&) { return std::int64_t{0}; }, "1 if something could not be read.")
      .column(
          "syscall", TEXT, [](const Row& row) { return row.event.syscall; },
          "The system call, or what was done where none is known.")
      .column("path", TEXT, row::path, "Executable.")
      .column(
          "fd", TEXT,
          [](const Row& row) { return row.event.descriptor ? std::to_string(*row.event.descriptor) : std::string(); },
          "File descriptor of the socket.")
      .column(
          "family", INTEGER, [](const Row& row) { return row.event.family; },
          "Address family: 1 Unix, 2 IPv4, 10 IPv6.")
      .column(
          "type", INTEGER, [](const Row& row) { return row.event.type; }, "1 stream, 2 datagrams…")
      .column(
          "protocol", INTEGER, [](const Row& row) { return row.event.protocol; }, "6 TCP, 17 UDP…")
      .column(
          "local_address", TEXT, [](const Row& row) { return row.event.local_address; }, "Address on this host.")
      .column(
          "remote_address", TEXT, [](const Row& row) { return row.event.remote_address; }, "Address of the other side.")
      .column(
          "local_port", INTEGER, [](const Row& row) { return row.event.local_port; }, "Port on this host.")
      .column(
          "remote_port", INTEGER, [](const Row& row) { return row.event.remote_port; }, "Port of the other side.")
      .column(
          "duration", INTEGER, [](const Row& row) { return row.event.duration; }, "Nanoseconds that it took.")
      .column(
          "ntime", TEXT, [](const Row& row) { return std::to_string(row.event.header.moment); },
          "When it happened, in nanoseconds since the machine was started.")
      .column("time", BIGINT, &Row::time, "When it happened, in Unix seconds.", ADDITIONAL | HIDDEN)
      .column(
          "eid", INTEGER, [](const Row& row) { return row.place.eid; }, "Number of the event.", HIDDEN)
      .column("uptime", row::uptime, "When it happened, in seconds since the machine was started.", HIDDEN)
      .column(
          "action", [](const Row& row) { return row.event.action; },
          "connect, accept, bind, listen, send (the first of a flow) or close.", HIDDEN)
      .column(
          "community_id", [](const Row& row) { return community_id_of(row.event); },
          "The connection's Community ID, as network sensors tell it.", HIDDEN)
      .column(
          "net_namespace",
          [](const Row& row) {
            return row.event.network_namespace ? std::to_string(*row.event.network_namespace) : std::string();
          },
          "Inode of the network namespace.", HIDDEN)
      .column(
          "cgroup_id", [](const Row& row) { return row.event.actor.cgroup_id; }, "Control group id.", HIDDEN)
      .column(
          "interface", [](const Row& row) { return row.event.interface; }, "Network interface.", HIDDEN)
      .column(
          "direction", [](const Row& row) { return row.event.direction; }, "outbound or inbound.", HIDDEN)
      .column(
          "bytes_sent", [](const Row& row) { return row.event.bytes_sent; }, "When it is closed: bytes sent.", HIDDEN)
      .column(
          "bytes_received", [](const Row& row) { return row.event.bytes_received; },
          "When it is closed: bytes received.", HIDDEN)
      .column("cmdline", row::cmdline, "Arguments of the process, with a space between.", HIDDEN)
      .column(
          "socket_cookie", [](const Row& row) { return row.event.cookie; }, "Joins what happens to one socket.", HIDDEN)
      .column("container_id", row::container_id, "Container of the process.", HIDDEN)
      .column("container_name", row::container_name, "Name of the container, as its engine has it.", HIDDEN)
      .column("container_image", row::container_image, "Image of the container, likewise.", HIDDEN)
      .column("unit", row::unit, "systemd unit of the process.", HIDDEN)
      .column("ancestors", row::ancestors, "Pids from the parent to 1, as a JSON array.", HIDDEN)
      .column("process_key", row::process_key, "The process, told from others with its pid: pid and start.", HIDDEN)
      .example("SELECT path, remote_address, remote_port FROM bpf_socket_events WHERE direction = 'outbound'");
}

}  // namespace osprey::events::tables
