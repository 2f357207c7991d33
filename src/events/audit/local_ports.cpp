#include "events/audit/local_ports.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "base/text.h"

namespace osprey::events::audit {
namespace {

constexpr int kShareOfTime = 20;  // a dump that took 1 ms is followed by 20 without
constexpr std::uint32_t kStates = 1U << TCP_ESTABLISHED | 1U << TCP_SYN_SENT | 1U << TCP_SYN_RECV |
                                  1U << TCP_FIN_WAIT1 | 1U << TCP_FIN_WAIT2 | 1U << TCP_CLOSE_WAIT | 1U << TCP_LISTEN |
                                  1U << TCP_CLOSE;

// The socket behind a descriptor; empty where it is gone or none.
std::optional<std::uint64_t> socket_inode(std::int64_t pid, std::int64_t descriptor) {
  const auto link = "/proc/" + std::to_string(pid) + "/fd/" + std::to_string(descriptor);
  std::array<char, 64> text{};
  const auto size = ::readlink(link.c_str(), text.data(), text.size());
  if (size <= 0) return std::nullopt;
  std::string_view target(text.data(), static_cast<std::size_t>(size));
  if (!target.starts_with("socket:[") || !target.ends_with(']')) return std::nullopt;
  return parse<std::uint64_t>(target.substr(8, target.size() - 9));
}

// IPv4 in IPv6 as IPv4.
std::string plain(const linux::Socket& socket, const linux::SocketAddress& address) {
  auto text = linux::address_text(socket, address);
  if (text.starts_with("::ffff:") && text.find('.') != std::string::npos) text.erase(0, 7);
  return text;
}

}  // namespace

void LocalPorts::load(Sockets& sockets, int family) {
  if (!std::exchange(tried_, true))
    if (auto opened = linux::SockDiag::open(Root::host())) diag_ = std::move(*opened);
  const auto begin = Clock::now();
  sockets.by_inode.clear();
  if (diag_)
    for (const int protocol : {IPPROTO_TCP, IPPROTO_UDP}) {
      if (!diag_->knows(family, protocol)) continue;
      const auto found = diag_->dump(family, protocol, kStates, Interrupt::never());
      if (!found) continue;
      for (const auto& socket : *found) sockets.by_inode.emplace(socket.inode, socket);
    }
  const auto end = Clock::now();
  sockets.not_before = end + kShareOfTime * (end - begin);
}

std::optional<Lookups::Local> LocalPorts::find(std::int64_t pid, std::int64_t descriptor, int family,
                                               std::string_view address, std::uint16_t port, TextArena& arena) {
  const auto inode = socket_inode(pid, descriptor);
  if (!inode || *inode == 0) return std::nullopt;
  auto& sockets = family == AF_INET ? ipv4_ : ipv6_;
  auto found = sockets.by_inode.find(*inode);
  const auto fits = [&] {
    if (found == sockets.by_inode.end()) return false;
    const auto& socket = found->second;
    if (port == 0) return plain(socket, socket.local) == address;
    return socket.remote.port == port && plain(socket, socket.remote) == address;
  };
  if (!fits() && Clock::now() >= sockets.not_before) {
    load(sockets, family);
    found = sockets.by_inode.find(*inode);
  }
  // Numbers of descriptors and inodes come again: the other side tells whether it is the same connection.
  if (!fits()) return std::nullopt;
  return Lookups::Local{.address = arena.keep(plain(found->second, found->second.local)),
                        .port = static_cast<std::uint16_t>(found->second.local.port),
                        .protocol = found->second.protocol};
}

}  // namespace osprey::events::audit
