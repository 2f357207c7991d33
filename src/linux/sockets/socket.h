// A socket as the kernel's tables of them tell it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace osprey::linux {

inline constexpr int kProtocolMptcp = 262;  // IPPROTO_MPTCP

// An endpoint's address: 4 or 16 bytes in network order, or the context id of AF_VSOCK.
struct SocketAddress {
  std::array<std::uint8_t, 16> bytes{};
  std::uint32_t port = 0;
};

struct Socket {
  int family = 0;    // AF_*
  int protocol = 0;  // IPPROTO_*; the Ethernet type for AF_PACKET; 0 for AF_UNIX and AF_VSOCK
  int state = 0;     // TCP_* of the kernel's tcp_states.h; 0 where the table does not tell
  SocketAddress local;
  SocketAddress remote;
  std::uint64_t inode = 0;           // 0 where no process can hold it: what is left of a closed connection
  std::optional<std::uint32_t> uid;  // of the user who made it, where the table tells
  std::string path;                  // AF_UNIX: its name, an abstract one with an '@' for every NUL
  // Of AF_UNIX, where the table tells.
  struct File {
    std::uint64_t device = 0;  // makedev(3)
    std::uint32_t inode = 0;   // no more of it is told
    bool operator==(const File&) const = default;
  };
  std::optional<File> file;              // what it is bound to
  std::optional<std::uint32_t> waiting;  // bytes to be read; of a listener connections to be accepted
  int type = 0;                          // SOCK_*; 0: not told
};

// In the family's usual notation; empty for families that have none.
std::string address_text(const Socket& socket, const SocketAddress& address);

// "ESTABLISHED", "LISTEN"…; "UNKNOWN" for numbers that are no state.
std::string_view tcp_state_name(int state);

inline constexpr int kListen = 10;  // TCP_LISTEN, which other protocols use too

}  // namespace osprey::linux
