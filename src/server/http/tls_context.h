// TlsContext: what the listener shows and asks of its peers: TLS 1.2 at least, forward secrecy and AEAD only, sessions
// resumed by one ticket that the client keeps, at other servers too where they share a seed.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <mutex>
#include <string>

#include "base/result.h"
#include "server/http/listener.h"
#include "server/http/transport.h"

namespace osprey::server::http {

// Thread-safe.
class TlsContext {
 public:
  // Reads the files. An error leaves what was loaded before.
  Result<void> load(const ListenerOptions& options);
  // From the next load() on tickets are good wherever this and the certificate's private key are the same; empty: here.
  // Not where clients show certificates.
  void share_tickets(std::string seed);
  // A connection's; null where nothing has been loaded.
  SslPointer open() const;

 private:
  struct Free {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  mutable std::mutex mutex_;
  std::unique_ptr<SSL_CTX, Free> context_;
  std::string ticket_seed_;
};

}  // namespace osprey::server::http
