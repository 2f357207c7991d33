#include "linux/sockets/socket.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <cstring>

namespace osprey::linux {

std::string address_text(const Socket& socket, const SocketAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  switch (socket.family) {
    case AF_INET:
    case AF_INET6:
      ::inet_ntop(socket.family, address.bytes.data(), text.data(), text.size());
      return text.data();
    case AF_VSOCK: {
      std::uint32_t context;
      std::memcpy(&context, address.bytes.data(), sizeof context);
      return std::to_string(context);
    }
    default:
      return {};
  }
}

std::string_view tcp_state_name(int state) {
  static constexpr std::array<std::string_view, 13> kNames = {
      "UNKNOWN", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT",
      "CLOSED",  "CLOSE_WAIT",  "LAST_ACK", "LISTEN",   "CLOSING",   "SYN_RECV"};  // the last: TCP_NEW_SYN_RECV
  return state > 0 && state < static_cast<int>(kNames.size()) ? kNames[static_cast<std::size_t>(state)] : kNames[0];
}

}  // namespace osprey::linux
