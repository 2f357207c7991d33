// Resolver: addresses of a host, by getaddrinfo(3), which may block as long as its name servers keep silent. The
// look-up therefore runs on a thread of its own and the caller gives up at a deadline.
#pragma once

#include <sys/socket.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/interrupt.h"
#include "base/result.h"

namespace osprey::net {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage); }
  // "127.0.0.1:514", "[::1]:514".
  std::string text() const;
};

// Where somebody listens: a name or an address (IPv6 without its brackets) and a port.
struct Endpoint {
  std::string host;
  std::string port;
  std::string text() const;
  bool operator==(const Endpoint&) const = default;
};

// Belongs to one thread. A look-up that was given up goes on by itself; the next call waits for it and starts no
// second.
class Resolver {
 public:
  // In the order in which they are to be tried.
  Result<std::vector<Address>> resolve(const Endpoint& endpoint, std::chrono::milliseconds timeout,
                                       const Interrupt& stop);

 private:
  struct Lookup;
  std::shared_ptr<Lookup> pending_;
};

}  // namespace osprey::net
