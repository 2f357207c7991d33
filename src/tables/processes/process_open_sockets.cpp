// The sockets on this host and the processes that hold them.
#include "tables/processes/open_sockets.h"

namespace osprey::tables {
namespace {

Rows<OpenSocket> scan(const Scan& scan) {
  auto sockets = scan.take(OpenSockets::open(scan, ~0u));
  if (!sockets) co_return;
  for (auto some = sockets->next(); !some.empty(); some = sockets->next()) {
    for (const auto& socket : some) {
      for (auto holder : sockets->holders(socket)) {
        if (scan.interrupted()) co_return;
        co_yield holder;
      }
    }
  }
}

}  // namespace

Table process_open_sockets() {
  return table("process_open_sockets", "The sockets on this host, in every network namespace, and who holds them.",
               scan)
      .column("pid", INTEGER, &OpenSocket::pid, "Process that holds the socket; -1 if none does or it cannot be told.",
              ADDITIONAL)
      .column("fd", BIGINT, &OpenSocket::fd, "Number of the file descriptor; -1 without a process.")
      .column("socket", BIGINT, &OpenSocket::inode, "Inode of the socket; 0 for what is left of a closed connection.")
      .column("family", INTEGER, &OpenSocket::family, "Address family: 2 IPv4, 10 IPv6, 1 unix, 17 packet.", PASSED)
      .column("protocol", INTEGER, &OpenSocket::protocol,
              "Transport protocol by its number: 6 TCP, 17 UDP…; the Ethernet type for packet sockets.", PASSED)
      .column("local_address", TEXT, &OpenSocket::local_address, "Own address.")
      .column("remote_address", TEXT, &OpenSocket::remote_address, "Peer's address, all zeros without a peer.")
      .column("local_port", INTEGER, &OpenSocket::local_port, "Own port.")
      .column("remote_port", INTEGER, &OpenSocket::remote_port, "Peer's port, 0 without a peer.")
      .column("path", TEXT, &OpenSocket::path, "Name of a unix socket; abstract ones begin with @.")
      .column("state", TEXT, &OpenSocket::state, "State of a TCP connection, such as LISTEN or ESTABLISHED.")
      .column("net_namespace", TEXT, &OpenSocket::net_namespace, "Inode of the network namespace.")
      .column("container_id", TEXT, &OpenSocket::container_id, "Container of the process.", HIDDEN)
      .column("unit", TEXT, &OpenSocket::unit, "systemd unit of the process.", HIDDEN)
      .column("uid", BIGINT, &OpenSocket::uid, "User who made the socket.", HIDDEN)
      .example("SELECT pid, remote_address, remote_port FROM process_open_sockets WHERE state = 'ESTABLISHED'")
      .example(
          "SELECT p.name, s.remote_address FROM process_open_sockets s JOIN processes p USING (pid) "
          "WHERE s.remote_port NOT IN (0, 80, 443)")
      .note(
          "A socket that several descriptors hold has a row for each; osquery shows one of them. SCTP (132), MPTCP "
          "(262) and vsock (family 40) sockets are told when protocol or family is asked to equal that.");
}

}  // namespace osprey::tables
