#include "linux/netlink/sock_diag.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <linux/vm_sockets_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.h"
#include "linux/netlink/message.h"

namespace osprey::linux {
namespace {

constexpr std::array<std::string_view, 6> kModules = {"inet_diag", "tcp_diag",   "udp_diag",
                                                      "unix_diag", "mptcp_diag", "vsock_diag"};

// The names of kModules that `text` has, one a line: /proc/modules begins lines with the name, modules.builtin has
// paths that end in NAME.ko.
std::vector<std::string> known_modules(std::string_view text) {
  std::vector<std::string> found;
  for (auto line : Lines(text)) {
    auto name = take_field(line);
    name = name.substr(name.rfind('/') + 1);
    if (name.ends_with(".ko")) name.remove_suffix(3);
    if (std::ranges::find(kModules, name) != kModules.end()) found.emplace_back(name);
  }
  return found;
}

template <class T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

SocketAddress inet_address(const std::uint32_t (&words)[4], std::uint16_t port, int family) {
  SocketAddress address;
  std::memcpy(address.bytes.data(), words, family == AF_INET ? 4 : 16);
  address.port = ntohs(port);
  return address;
}

SocketAddress vsock_address(std::uint32_t context, std::uint32_t port) {
  SocketAddress address;
  std::memcpy(address.bytes.data(), &context, sizeof context);
  address.port = port;
  return address;
}

// sun_path as the kernel keeps it. A path ends with its NUL; an abstract name begins with one, and any in it count.
std::string unix_name(std::string_view name) {
  if (!name.starts_with('\0')) return std::string(name.substr(0, name.find('\0')));
  std::string text(name);
  std::ranges::replace(text, '\0', '@');  // as /proc/net/unix shows them
  return text;
}

}  // namespace

std::optional<Socket> parse_inet_diag(std::string_view body, int protocol) {
  const auto header = take_header<inet_diag_msg>(body);
  if (!header || (header->idiag_family != AF_INET && header->idiag_family != AF_INET6)) return std::nullopt;
  Socket socket{.family = header->idiag_family, .protocol = protocol, .state = header->idiag_state};
  socket.local = inet_address(header->id.idiag_src, header->id.idiag_sport, socket.family);
  socket.remote = inet_address(header->id.idiag_dst, header->id.idiag_dport, socket.family);
  socket.inode = header->idiag_inode;
  socket.uid = header->idiag_uid;
  return socket;
}

std::optional<Socket> parse_unix_diag(std::string_view body) {
  const auto header = take_header<unix_diag_msg>(body);
  if (!header || header->udiag_family != AF_UNIX) return std::nullopt;
  Socket socket{.family = AF_UNIX, .inode = header->udiag_ino};
  socket.type = header->udiag_type;
  if (header->udiag_state == kListen) socket.state = kListen;
  while (const auto attribute = take_attribute(body)) {
    if (attribute->type == UNIX_DIAG_NAME) socket.path = unix_name(attribute->payload);
    if (attribute->type == UNIX_DIAG_VFS && attribute->payload.size() >= sizeof(unix_diag_vfs)) {
      const auto file = attribute->as<unix_diag_vfs>();
      socket.file = {makedev(file.udiag_vfs_dev >> 20, file.udiag_vfs_dev & 0xFFFFF), file.udiag_vfs_ino};
    }
    if (attribute->type == UNIX_DIAG_RQLEN && attribute->payload.size() >= sizeof(unix_diag_rqlen))
      socket.waiting = attribute->as<unix_diag_rqlen>().udiag_rqueue;
    if (attribute->type == UNIX_DIAG_UID && attribute->payload.size() == 4) socket.uid = attribute->as<std::uint32_t>();
  }
  return socket;
}

std::optional<Socket> parse_vsock_diag(std::string_view body) {
  const auto header = take_header<vsock_diag_msg>(body);
  if (!header || header->vdiag_family != AF_VSOCK) return std::nullopt;
  Socket socket{.family = AF_VSOCK, .state = header->vdiag_state};
  socket.local = vsock_address(header->vdiag_src_cid, header->vdiag_src_port);
  socket.remote = vsock_address(header->vdiag_dst_cid, header->vdiag_dst_port);
  socket.inode = header->vdiag_ino;
  return socket;
}

std::vector<Socket> parse_sock_diag(std::string_view messages, int family, int protocol) {
  std::vector<Socket> sockets;
  while (const auto message = take_message(messages)) {
    if (message->type != SOCK_DIAG_BY_FAMILY) continue;
    auto socket = family == AF_UNIX    ? parse_unix_diag(message->payload)
                  : family == AF_VSOCK ? parse_vsock_diag(message->payload)
                                       : parse_inet_diag(message->payload, protocol);
    if (socket) sockets.push_back(std::move(*socket));
  }
  return sockets;
}

Result<SockDiag> SockDiag::open(const Root& host) {
  std::vector<std::string> modules;
  if (const auto loaded = host.read("/proc/modules")) {
    modules = known_modules(loaded->bytes);
    utsname system;
    ::uname(&system);
    if (const auto builtin = host.read(std::string("/lib/modules/") + system.release + "/modules.builtin"))
      std::ranges::copy(known_modules(builtin->bytes), std::back_inserter(modules));
  } else if (loaded.error().absent()) {
    // A kernel without modules has none to load: it answers from what is built in, or not at all.
    modules.assign(kModules.begin(), kModules.end());
  }
  return SockDiag(TRY(DumpSocket::open(NETLINK_SOCK_DIAG)), std::move(modules));
}

bool SockDiag::has(std::string_view module) const { return std::ranges::find(modules_, module) != modules_.end(); }

bool SockDiag::knows(int family, int protocol) const {
  if (family == AF_UNIX) return has("unix_diag");
  if (family == AF_VSOCK) return has("vsock_diag");
  if (family != AF_INET && family != AF_INET6) return false;
  if (!has("inet_diag")) return false;
  switch (protocol) {
    case IPPROTO_TCP:
      return has("tcp_diag");
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE:
      return has("udp_diag");
    case kProtocolMptcp:
      return has("mptcp_diag");
    default:
      return false;
  }
}

Result<std::vector<Socket>> SockDiag::dump(int family, int protocol, std::uint32_t states, const Interrupt& interrupt) {
  std::string request;
  if (family == AF_UNIX) {
    unix_diag_req body{};
    body.sdiag_family = AF_UNIX;
    body.udiag_states = states;
    body.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_UID | UDIAG_SHOW_VFS | UDIAG_SHOW_RQLEN;
    request = bytes_of(body);
  } else if (family == AF_VSOCK) {
    vsock_diag_req body{};
    body.sdiag_family = AF_VSOCK;
    body.vdiag_states = states;
    request = bytes_of(body);
  } else {
    inet_diag_req_v2 body{};
    body.sdiag_family = static_cast<std::uint8_t>(family);
    body.sdiag_protocol = static_cast<std::uint8_t>(protocol > 255 ? IPPROTO_RAW : protocol);
    body.idiag_states = states;
    request = bytes_of(body);
    if (protocol > 255) {  // does not fit into its field
      const std::uint32_t wide = static_cast<std::uint32_t>(protocol);
      const nlattr attribute{NLA_HDRLEN + sizeof wide, INET_DIAG_REQ_PROTOCOL};
      request += bytes_of(attribute);
      request += bytes_of(wide);
    }
  }
  const auto answer = TRY(socket_.dump(SOCK_DIAG_BY_FAMILY, request, interrupt));
  return parse_sock_diag(answer.messages, family, protocol);
}

}  // namespace osprey::linux
