#include "linux/procfs/net_sockets.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include "base/text.h"

namespace osprey::linux {
namespace {

constexpr int kSctp = IPPROTO_SCTP;

// "0100007F:1F90": words of the host's byte order in hexadecimal, and a port.
bool parse_endpoint(std::string_view text, int family, SocketAddress& address) {
  const auto hex = take_until(text, ':');
  const std::size_t size = family == AF_INET ? 4 : 16;
  if (hex.size() != size * 2) return false;
  for (std::size_t at = 0; at < size; at += 4) {
    const auto word = parse<std::uint32_t>(hex.substr(at * 2, 8), 16);
    if (!word) return false;
    std::memcpy(address.bytes.data() + at, &*word, sizeof *word);
  }
  const auto port = parse<std::uint16_t>(text, 16);
  if (port) address.port = *port;
  return port.has_value();
}

}  // namespace

std::optional<Socket> parse_inet_socket(std::string_view line, int family, int protocol) {
  // sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode
  Socket socket{.family = family, .protocol = protocol};
  if (!take_field(line).ends_with(':')) return std::nullopt;
  if (!parse_endpoint(take_field(line), family, socket.local)) return std::nullopt;
  if (!parse_endpoint(take_field(line), family, socket.remote)) return std::nullopt;
  const auto state = parse<unsigned>(take_field(line), 16);
  for (int i = 0; i < 3; ++i) take_field(line);
  socket.uid = parse<std::uint32_t>(take_field(line));
  take_field(line);
  const auto inode = parse<std::uint64_t>(take_field(line));
  if (!state || !socket.uid || !inode) return std::nullopt;
  socket.state = static_cast<int>(*state & 0xff);
  socket.inode = *inode;
  return socket;
}

std::optional<Socket> parse_unix_socket(std::string_view line) {
  // Num: RefCount Protocol Flags Type St Inode Path
  Socket socket{.family = AF_UNIX};
  if (!take_field(line).ends_with(':')) return std::nullopt;
  take_field(line);
  const auto protocol = parse<int>(take_field(line), 16);
  const auto flags = parse<std::uint32_t>(take_field(line), 16);
  take_field(line);
  take_field(line);
  const auto inode = parse<std::uint64_t>(take_field(line));
  if (!protocol || !flags || !inode) return std::nullopt;
  socket.protocol = *protocol;
  constexpr std::uint32_t kAccepting = 0x10000;  // __SO_ACCEPTCON
  if (*flags & kAccepting) socket.state = kListen;
  socket.inode = *inode;
  // One blank stands before the name, which may begin with more of them.
  if (!line.empty()) socket.path = line.substr(1);
  return socket;
}

std::optional<Socket> parse_packet_socket(std::string_view line) {
  // sk RefCnt Type Proto Iface R Rmem User Inode
  Socket socket{.family = AF_PACKET};
  for (int i = 0; i < 3; ++i) take_field(line);
  const auto protocol = parse<std::uint16_t>(take_field(line), 16);
  for (int i = 0; i < 3; ++i) take_field(line);
  socket.uid = parse<std::uint32_t>(take_field(line));
  const auto inode = parse<std::uint64_t>(take_field(line));
  if (!protocol || !socket.uid || !inode) return std::nullopt;
  socket.protocol = *protocol;
  socket.inode = *inode;
  return socket;
}

std::optional<Socket> parse_sctp_endpoint(std::string_view line) {
  // ENDPT SOCK STY SST HBKT LPORT UID INODE LADDRS…, addresses in their usual notation
  Socket socket{.protocol = kSctp};
  for (int i = 0; i < 3; ++i) take_field(line);
  const auto state = parse<int>(take_field(line));
  take_field(line);
  const auto port = parse<std::uint16_t>(take_field(line));
  socket.uid = parse<std::uint32_t>(take_field(line));
  const auto inode = parse<std::uint64_t>(take_field(line));
  if (!state || !port || !socket.uid || !inode) return std::nullopt;
  socket.state = *state;
  socket.local.port = *port;
  socket.inode = *inode;
  const std::string address(take_field(line));
  socket.family = address.find(':') == address.npos ? AF_INET : AF_INET6;
  if (!address.empty() && ::inet_pton(socket.family, address.c_str(), socket.local.bytes.data()) != 1)
    return std::nullopt;
  return socket;
}

ParsedSockets parse_net_table(std::string_view text, int family, int protocol) {
  ParsedSockets parsed;
  take_until(text, '\n');  // the heading
  for (const auto line : Lines(text)) {
    if (line.empty()) continue;
    auto socket = family == AF_UNIX     ? parse_unix_socket(line)
                  : family == AF_PACKET ? parse_packet_socket(line)
                  : protocol == kSctp   ? parse_sctp_endpoint(line)
                                        : parse_inet_socket(line, family, protocol);
    if (socket)
      parsed.sockets.push_back(std::move(*socket));
    else
      ++parsed.broken_lines;
  }
  return parsed;
}

}  // namespace osprey::linux
