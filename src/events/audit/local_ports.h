// The local side of a connection, asked for after the event: audit's records of connect(2) do not have it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "events/audit/decode.h"
#include "linux/netlink/sock_diag.h"

namespace osprey::events::audit {

// By the kernel's tables of sockets (sock_diag(7)) of the first network namespace: one dump serves many events, and no
// more than a twentieth of the time goes into them. What is gone by then, or is elsewhere, is not found.
class LocalPorts {
 public:
  std::optional<Lookups::Local> find(std::int64_t pid, std::int64_t descriptor, int family, std::string_view remote,
                                     std::uint16_t port, TextArena& arena);

 private:
  using Clock = std::chrono::steady_clock;
  struct Sockets {
    std::unordered_map<std::uint64_t, linux::Socket> by_inode;
    Clock::time_point not_before{};  // the next dump
  };
  void load(Sockets& sockets, int family);

  std::optional<linux::SockDiag> diag_;
  bool tried_ = false;
  Sockets ipv4_, ipv6_;
};

}  // namespace osprey::events::audit
