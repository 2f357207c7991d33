// Tables of sockets from the kernel by NETLINK_SOCK_DIAG (sock_diag(7)): of the asker's own network namespace, many
// times faster than the text files of /proc/net, and filtered by the kernel.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/interrupt.h"
#include "base/result.h"
#include "base/root.h"
#include "linux/netlink/dump_socket.h"
#include "linux/sockets/socket.h"

namespace osprey::linux {

// Bodies of messages, without the netlink header; empty for what is too short to be one.
std::optional<Socket> parse_inet_diag(std::string_view body, int protocol);
std::optional<Socket> parse_unix_diag(std::string_view body);
std::optional<Socket> parse_vsock_diag(std::string_view body);
// All of them in the answer to one dump, in its order.
std::vector<Socket> parse_sock_diag(std::string_view messages, int family, int protocol);

class SockDiag {
 public:
  // Which kernel modules are there, by the host's own list. Asking for an absent one would load it (R6).
  static Result<SockDiag> open(const Root& host);

  // Whether the kernel can be asked about these sockets without loading anything.
  bool knows(int family, int protocol) const;
  // The sockets in one of `states`, bits 1 << TCP_*.
  Result<std::vector<Socket>> dump(int family, int protocol, std::uint32_t states, const Interrupt& interrupt);

 private:
  SockDiag(DumpSocket socket, std::vector<std::string> modules)
      : socket_(std::move(socket)), modules_(std::move(modules)) {}
  bool has(std::string_view module) const;

  DumpSocket socket_;
  std::vector<std::string> modules_;
};

}  // namespace osprey::linux
