// What goes over sockets (socket_events, bpf_socket_events, dns_events).
#pragma once

#include <string_view>
#include <vector>

#include "events/kinds/actor.h"

namespace osprey::events {

struct SocketEvent {
  static constexpr std::string_view kFamily = "socket";

  Header header;
  Actor actor;
  std::string_view action;  // "connect", "accept", "bind", "listen", "send" (first of a flow), "close"
  std::string_view syscall;
  std::int64_t result = 0;  // 0, a descriptor or -errno
  std::optional<std::int64_t> descriptor;
  std::int64_t family = 0;    // AF_ of socket(2)
  std::int64_t type = 0;      // SOCK_
  std::int64_t protocol = 0;  // IPPROTO_
  // As text; IPv4 in IPv6 as IPv4. A Unix socket's path is in `socket`, an abstract name begins with @.
  std::string_view local_address, remote_address;
  std::optional<std::uint16_t> local_port, remote_port;
  bool local_is_best_effort = false;  // asked for after the event
  std::string_view socket;
  std::uint64_t cookie = 0;  // of the socket: joins what happens to it
  std::optional<std::uint64_t> network_namespace;
  std::string_view interface;
  std::string_view direction;  // "outbound", "inbound"
  std::optional<std::uint64_t> bytes_sent, bytes_received;
  std::optional<std::uint64_t> duration;  // nanoseconds

  template <class Archive>
  void fields(Archive& field) {
    field(header)(actor)(action)(syscall)(result)(descriptor)(family)(type)(protocol)(local_address)(remote_address);
    field(local_port)(remote_port)(local_is_best_effort)(socket)(cookie)(network_namespace)(interface)(direction);
    field(bytes_sent)(bytes_received)(duration);
  }
};

struct DnsEvent {
  static constexpr std::string_view kFamily = "dns";

  Header header;
  Actor actor;
  std::string_view query;  // without the last dot
  std::string_view type;   // "A", "AAAA", "TYPE65"
  std::string_view server_address;
  std::optional<std::uint16_t> server_port, local_port;
  std::string_view protocol;       // "udp", "tcp"
  std::string_view response_code;  // "NOERROR"…; empty: only the question was seen
  std::vector<std::string_view> answers;
  std::optional<std::uint32_t> ttl;      // seconds, the least of the answers'
  std::optional<std::uint64_t> latency;  // nanoseconds
  std::optional<bool> configured;        // the server is one that the host is set up to ask

  template <class Archive>
  void fields(Archive& field) {
    field(header)(actor)(query)(type)(server_address)(server_port)(local_port)(protocol)(response_code)(answers)(ttl);
    field(latency)(configured);
  }
};

}  // namespace osprey::events
