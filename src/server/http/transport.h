// Transport: bytes to and from a non-blocking socket, through TLS or without it.
#pragma once

#include <openssl/ssl.h>
#include <cstdint>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace osprey::server::http {

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslPointer = std::unique_ptr<SSL, SslFree>;

enum class Io : std::uint8_t { done, wants_read, wants_write, end, failed };

struct IoOutcome {
  Io io = Io::failed;
  std::size_t bytes = 0;
};

// The socket is not owned. OpenSSL works on it directly: a pair of memory buffers a connection would be most of its
// cost.
class Transport {
 public:
  explicit Transport(int socket) : socket_(socket) {}

  // From here on TLS. With null everything fails.
  void secure(SslPointer ssl);
  bool is_secure() const { return ssl_ != nullptr; }
  Io handshake();
  bool resumed() const { return SSL_session_reused(ssl_.get()) == 1; }
  // RFC 2253 subject of the peer's certificate; empty without one.
  std::string peer_subject() const;

  IoOutcome read(std::span<char> into);
  IoOutcome write(std::string_view bytes);
  // Something has been read off the socket that read() will give without it.
  bool buffered() const { return ssl_ != nullptr && SSL_has_pending(ssl_.get()) == 1; }
  // Written, and not yet acknowledged by the peer's kernel.
  std::size_t unacknowledged() const;
  // Says that nothing more will be sent.
  void end_writing();
  // Takes what the peer still sends off the socket, unread. `done` where there was something.
  Io drain();

 private:
  Io outcome_of(int returned);

  int socket_;
  SslPointer ssl_;
};

}  // namespace osprey::server::http
