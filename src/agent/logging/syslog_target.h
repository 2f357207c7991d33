// SyslogTarget: --logger_syslog_target, and what carries messages there.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/interrupt.h"
#include "base/result.h"
#include "net/resolver.h"
#include "net/tls_module.h"

namespace osprey::agent {

struct SyslogTarget {
  enum class Transport : std::uint8_t { udp, tcp, tls } transport = Transport::udp;
  net::Endpoint endpoint;
  bool operator==(const SyslogTarget&) const = default;
};

// "udp://host:514", "tcp://[::1]:514", "tls://host": without a port 514, for TLS 6514.
Result<SyslogTarget> parse_syslog_target(std::string_view text);
std::string text_of(const SyslogTarget& target);

// Belongs to one thread.
class SyslogTransport {
 public:
  virtual ~SyslogTransport() = default;
  struct Sent {
    std::size_t messages = 0;
    std::optional<Error> error;
  };
  // Sends messages in order; how many, from the first on, have arrived as far as it can tell. Ends soon after `stop`.
  virtual Sent send(std::span<const std::string> messages, const Interrupt& stop) = 0;
};

// Of what a datagram of IPv4 holds (65,507) no receiver cuts so much.
inline constexpr std::size_t kLongestDatagram = 65'000;

// One datagram a message. Nobody acknowledges a datagram: one has arrived when it has left and the peer's host has not
// said at once that nobody listens. Sent no faster than receivers' usual buffers bear.
std::unique_ptr<SyslogTransport> syslog_datagrams(const net::Endpoint& endpoint);

// Frames on one TCP connection, by TLS where `tls` is given. There is no word of receipt in this protocol; the nearest
// to it is the acknowledgement of the peer's kernel, and a message has arrived when that is there. What the peer's
// kernel holds and its program has not read is lost when that program dies, which shows as a reset: then the last
// kKeptMessages bytes go out again on the next connection, and some lines arrive twice. What remains is lost without a
// trace: more than that in the peer's buffers, and the peer's machine and this process dying together.
std::unique_ptr<SyslogTransport> syslog_stream(const net::Endpoint& endpoint, std::optional<net::TlsOptions> tls);
inline constexpr std::size_t kKeptMessages = 1 << 20;

}  // namespace osprey::agent
