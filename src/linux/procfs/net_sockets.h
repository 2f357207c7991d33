// The tables of sockets below /proc/PID/net, of the network namespace that the process is in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "linux/sockets/socket.h"

namespace osprey::linux {

// One line each; empty for one that is not understood, such as the heading.
//
// tcp, tcp6, udp, udp6, udplite, udplite6, raw, raw6, icmp, icmp6 (proc_pid_net(5)). Addresses are printed as words of
// the host's byte order.
std::optional<Socket> parse_inet_socket(std::string_view line, int family, int protocol);
// unix. Names go to the end of the line.
std::optional<Socket> parse_unix_socket(std::string_view line);
// packet.
std::optional<Socket> parse_packet_socket(std::string_view line);
// sctp/eps: one socket with all its local addresses, of which the first is told.
std::optional<Socket> parse_sctp_endpoint(std::string_view line);

struct ParsedSockets {
  std::vector<Socket> sockets;
  int broken_lines = 0;  // the heading aside
};
// A whole table; `family` and `protocol` tell which. AF_UNIX, AF_PACKET and SCTP have one each, the others one for IPv4
// and one for IPv6.
ParsedSockets parse_net_table(std::string_view text, int family, int protocol);

}  // namespace osprey::linux
