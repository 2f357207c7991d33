// Where processes wait for others: sockets without a peer.
#include <sys/socket.h>

#include "tables/processes/open_sockets.h"

namespace osprey::tables {
namespace {

bool is_unix(const OpenSocket& open) { return open.family() == AF_UNIX; }

bool listens(const linux::Socket& socket) {
  if (socket.family == AF_UNIX) return !socket.path.empty();
  return socket.remote.port == 0 || socket.family == AF_VSOCK;
}

Rows<OpenSocket> scan(const Scan& scan) {
  auto sockets = scan.take(OpenSockets::open(scan, 1u << linux::kListen));
  if (!sockets) co_return;
  for (auto some = sockets->next(); !some.empty(); some = sockets->next()) {
    for (const auto& socket : some) {
      if (!listens(socket)) continue;
      for (auto holder : sockets->holders(socket)) {
        if (scan.interrupted()) co_return;
        co_yield holder;
      }
    }
  }
}

}  // namespace

Table listening_ports() {
  return table("listening_ports", "Ports and unix sockets that processes on this host are bound to.", scan)
      .column("pid", INTEGER, &OpenSocket::pid, "Process that holds the socket; -1 if none does or it cannot be told.")
      .column("port", INTEGER, &OpenSocket::local_port, "Port; 0 where the family has none.")
      .column("protocol", INTEGER, &OpenSocket::protocol, "Transport protocol by its number: 6 TCP, 17 UDP…", PASSED)
      .column("family", INTEGER, &OpenSocket::family, "Address family: 2 IPv4, 10 IPv6, 1 unix, 17 packet.", PASSED)
      .column(
          "address", TEXT,
          [](OpenSocket& open) { return is_unix(open) ? std::nullopt : std::optional(open.local_address()); },
          "Address it is bound to; all zeros stand for every address.")
      .column("fd", BIGINT, &OpenSocket::fd, "Number of the file descriptor; -1 without a process.")
      .column("socket", BIGINT, &OpenSocket::inode, "Inode of the socket.")
      .column(
          "path", TEXT, [](OpenSocket& open) { return is_unix(open) ? std::optional(open.path()) : std::nullopt; },
          "Name of a unix socket; abstract ones begin with @.")
      .column("net_namespace", TEXT, &OpenSocket::net_namespace, "Inode of the network namespace.")
      .column("container_id", TEXT, &OpenSocket::container_id, "Container of the process.", HIDDEN)
      .column("unit", TEXT, &OpenSocket::unit, "systemd unit of the process.", HIDDEN)
      .column("uid", BIGINT, &OpenSocket::uid, "User who made the socket.", HIDDEN)
      .cacheable()
      .example("SELECT p.name, l.port, l.address FROM listening_ports l JOIN processes p USING (pid) WHERE l.port != 0")
      .example("SELECT pid, path FROM listening_ports WHERE family = 1")
      .note(
          "Like osquery's it also has unix sockets that are bound to a name without listening. socket is the inode of "
          "unix sockets too, which osquery shows as 0; a socket that several descriptors hold has a row for each. "
          "SCTP (132), MPTCP (262) and vsock (family 40) are told when protocol or family is asked to equal that.");
}

}  // namespace osprey::tables
