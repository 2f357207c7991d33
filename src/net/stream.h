// Stream: bytes to and from a peer over a connected TCP socket that never blocks, plain or by TLS (tls_module.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/interrupt.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "net/resolver.h"

namespace osprey::net {

// Belongs to one thread. After an error it is of no use any more.
class Stream {
 public:
  virtual ~Stream() = default;

  struct Moved {
    std::size_t bytes = 0;
    short wait = 0;      // what poll(2) must tell before the same call is made again: POLLIN, POLLOUT or 0
    bool ended = false;  // the peer sends no more
  };
  // Until `wait` is 0, before all else.
  virtual Result<Moved> handshake() = 0;
  // A call that had to wait is made again with the same bytes.
  virtual Result<Moved> send(std::string_view bytes) = 0;
  virtual Result<Moved> receive(std::span<char> into) = 0;
  // Tells the peer, as far as that needs no waiting, that nothing follows.
  virtual void finish() = 0;

  virtual int fd() const = 0;
  // Bytes that the socket has been given: what send() took, and what TLS makes of it.
  virtual std::uint64_t written() const = 0;
  // Of these, how many the peer's kernel has not acknowledged (SIOCOUTQ, tcp(7)).
  Result<std::uint64_t> unacknowledged() const;
};

// `peer`: what errors call it.
std::unique_ptr<Stream> plain_stream(UniqueFd socket, std::string peer);

// A socket connected to the first address that accepts, each tried for `timeout` at most. Small writes leave at once;
// a peer that is gone is noticed within a minute, in silence too.
Result<UniqueFd> connect(const std::vector<Address>& addresses, std::chrono::milliseconds timeout,
                         const Interrupt& stop);

// Waits until poll(2) tells one of `events` or of an end: true; false if the time ran out or a stop was ordered first.
Result<bool> wait_for(int fd, short events, std::chrono::milliseconds timeout, const Interrupt& stop);

}  // namespace osprey::net
